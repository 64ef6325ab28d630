import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Entry, EntryType } from './entry.ts';
import { entryTypes } from './entry-codec.ts';
import { entryTime, epochOf } from './entry-time.ts';
import { deploymentCompletedEvent, deploymentStartedEvent } from './event-contract.ts';
import { sample } from './fixtures/entries.ts';
import { describeEntry, timeline } from './timeline.ts';

const DEPLOYMENT = '01JD0000000000000000000001';
const START = Date.parse('2026-11-21T03:00:00Z');

function entry<T extends EntryType>(type: T, seq: number, afterMs: number, more: Partial<Entry<T>> = {}): Entry<T> {
  return { ...sample(type, seq), seq, at: entryTime(START + afterMs), ...more };
}

describe('the timeline of a deployment', () => {
  test('tells in words and relative times what happened, a late revert at its own time (I7)', () => {
    const facts = timeline(
      [
        entry('run.started', 0, -5_000),
        entry('deployment.requested', 1, 0, { actorRef: 'person:3f2a9c1e-7b60-4f7e-9a55-0d5b8f1c2e77' }),
        entry('rollout.weight-changed', 2, 4_100.25),
        entry('rollout.finished', 3, 9_000, { outcome: 'reverted' }),
        entry('revert.journaled', 4, 12_000, { body: { ...sample('revert.journaled').body, happenedAt: entryTime(START + 8_437) } }),
        entry('rollout.finished', 5, 13_000, { subject: { kind: 'deployment', id: 'another', digest: null } }),
      ],
      { kind: 'deployment', id: DEPLOYMENT },
      () => 'dana',
    );
    expect(facts.map(({ seq, sinceMs, what }) => [seq, sinceMs, what])).toEqual([
      [1, 0, 'dana asked for api v1.1.0 → v1.2.0 in production'],
      [2, 4_100.25, 'green 0 % → 5 %'],
      [4, 8_437, 'router took api back to blue, epoch 13 (entered 3.6s later)'],
      [3, 9_000, 'rollout of api v1.2.0 reverted in 1m 1s'],
    ]);
  });

  test('a chain and everything are wider selections; nothing is an empty timeline', () => {
    const entries = [entry('run.started', 0, 0), entry('controller.took-over', 1, 1, { chainId: 'other' })];
    expect(timeline(entries, { kind: 'chain', id: '01JD0000000000000000000005' })).toHaveLength(1);
    expect(timeline(entries, { kind: 'everything' })).toHaveLength(2);
    expect(timeline([], { kind: 'everything' })).toEqual([]);
  });

  test('what waits for its index is told too, after what has one', () => {
    const [numbered, first, second] = [
      entry('run.started', 7, 0),
      { ...sample('run.finished'), at: entryTime(START) },
      { ...sample('verdict.recorded'), at: entryTime(START) },
    ];
    expect(timeline([first, second, numbered], { kind: 'everything' }).map(({ seq, type }) => [seq, type])).toEqual([
      [7, 'run.started'],
      [undefined, 'run.finished'],
      [undefined, 'verdict.recorded'],
    ]);
  });

  test.each(entryTypes)('%s has words of one line, with its reasons', (type) => {
    const words = describeEntry({ ...sample(type), reasons: [{ code: 'latency-above', facts: { p99Us: 61_250 } }] });
    expect(words).toMatch(/^[^\n]+: latency-above \(p99Us 61250\)$/);
    expect(words).not.toMatch(/undefined|null|NaN|\[object/);
  });
});

describe('times in entries', () => {
  test('have six decimals and keep what the clock knows', () => {
    expect(entryTime(START)).toBe('2026-11-21T03:00:00.000000Z');
    expect(entryTime(START + 1.25)).toBe('2026-11-21T03:00:00.001250Z');
    expect(entryTime(START + 0.9996)).toBe('2026-11-21T03:00:00.001000Z');
  });

  test('property: read back to the microsecond, and sort as text as they do as time', () => {
    const micros = fc.integer({ min: 0, max: 4_000_000_000_000_000 });
    fc.assert(
      fc.property(micros, micros, (a, b) => {
        expect(Math.round(epochOf(entryTime(a / 1_000)) * 1_000)).toBe(a);
        expect(entryTime(a / 1_000) < entryTime(b / 1_000)).toBe(a < b);
      }),
    );
  });
});

describe('the event contracts (R-REC-02)', () => {
  const pipeline = { pipelineId: 'run-1', buildNumber: 42, commitSha: '4f2c1ab', branch: 'main' };

  test('a rollout that began is a DeploymentStartedEvent', () => {
    const started = entry('rollout.started', 2, 1_500);
    const event = deploymentStartedEvent(entry('deployment.requested', 1, 0), started, { estimatedMs: 125_000, pipeline });
    expect(event).toEqual({
      eventId: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/) as string,
      timestamp: '2026-11-21T03:00:01.500Z',
      deployment: {
        deploymentId: DEPLOYMENT,
        serviceName: 'api',
        version: 'v1.2.0',
        environment: 'production',
        deploymentType: 'blue_green',
        triggeredBy: 'controller:01JD0000000000000000000003',
        estimatedDuration: '00:02:05',
      },
      pipeline,
    });
    expect(deploymentStartedEvent(entry('deployment.requested', 1, 0), started, { estimatedMs: 0, pipeline }).eventId).toBe(event.eventId);
  });

  test.each([
    ['succeeded', 'SUCCESS'],
    ['failed', 'FAILED'],
    ['inconclusive', 'FAILED'],
    ['reverted', 'ROLLED_BACK'],
    ['cancelled', 'CANCELLED'],
  ] as const)('a rollout that ended %s is a DeploymentCompletedEvent with status %s', (outcome, status) => {
    const evidence = { testsExecuted: 412, testsPassed: 412, securityScore: null, performanceScore: null };
    expect(deploymentCompletedEvent(entry('rollout.finished', 9, 61_000, { outcome }), evidence)).toMatchObject({
      timestamp: '2026-11-21T03:01:01.000Z',
      deployment: { deploymentId: DEPLOYMENT, status, actualDuration: '00:01:01' },
      results: { ...evidence, healthChecksPassed: true },
      rollback: { rollbackCapable: true, previousVersion: 'v1.1.0' },
    });
  });
});
