import { describe, expect, test } from 'vitest';
import { milliseconds, percent, seconds } from '#kernel';
import { bucketOf, observe, unwatched, type SlotCounters, type WatchRules, type WatchVerdict } from '#rollout';

const rules: WatchRules = {
  ends: 'evidence',
  for: seconds(10),
  minimumSample: 100,
  triggers: [{ kind: 'error-rate', above: percent(5), for: seconds(1) }],
  onInconclusive: { holdFor: seconds(5), then: 'revert' },
  candidate: 'green',
  instances: 1,
  probed: false,
  samplingPeriod: milliseconds(50),
};
const instance = { name: 'api-green-1', state: 'healthy', restarts: 0, healthFailuresInARow: 0 } as const;

/** Counters after so many answers of one millisecond, with clients that left after so long. */
function counters(answers: number, left: number, afterMs: number, inFlight = 0): SlotCounters {
  const bucket = (ms: number, count: number): number[] => [...Array.from({ length: bucketOf(ms * 1_000) }, () => 0), count];
  return {
    generation: 'g1',
    answers,
    errors: 0,
    inFlight,
    sessions: 0,
    latency: bucket(1, answers),
    abandoned: left,
    abandonedAfter: bucket(afterMs, left),
  };
}

/** How a watch ends over which so much is answered a second, and in which clients leave at a moment. */
function verdict(life: (ms: number) => SlotCounters): WatchVerdict {
  let progress = unwatched;
  for (let at = 0; at < 60_000; at += 50) {
    const sample = { at, counters: { blue: counters(0, 0, 1), green: life(at) }, instances: [instance] };
    const seen = observe(progress, { kind: 'sample', sample }, rules);
    progress = seen.progress;
    if (seen.verdict.kind !== 'continue') return seen.verdict;
  }
  throw new Error('the watch did not end');
}

describe('32 · a client that leaves is counted against the version', () => {
  test('a load tool that ends with requests in flight is no fault of the version: they had waited no longer than answers take', () => {
    const life = (ms: number): SlotCounters => counters(Math.floor(ms / 5), ms >= 9_000 ? 256 : 0, 1, 32);
    expect(verdict(life).kind).toBe('pass');
  });

  test('a crowd that leaves in one moment, so that nothing is open any more, is one event', () => {
    const life = (ms: number): SlotCounters => counters(Math.floor(ms / 5), ms >= 9_000 ? 256 : 0, 700);
    expect(verdict(life).kind).toBe('pass');
  });

  test('clients that give up on a version that hangs, one after the other, are still its fault (I1)', () => {
    const life = (ms: number): SlotCounters => counters(Math.floor(ms / 20), Math.floor(ms / 40), 1_000, 25);
    expect(verdict(life).kind).not.toBe('pass');
  });
});
