import fc from 'fast-check';
import { expect, test } from 'vitest';
import { basisPoints, minutes, percent, seconds } from '#kernel';
import type { BlueGreenPolicy } from '../policy.ts';
import { problemOfPhases } from '../rollout-plan.ts';
import { blueGreen } from './blue-green.ts';
import { strategies } from './index.ts';

const policy = (weights: readonly number[]): BlueGreenPolicy => ({
  kind: 'blue-green',
  steps: weights.map((weight) => ({ weight: basisPoints(weight), watch: minutes(5) })),
  triggers: [],
  minimumSample: 100,
  onInconclusive: { holdFor: minutes(2), then: 'revert' },
  keepWarm: minutes(30),
  drainWithin: seconds(30),
});

const risingWeights = fc
  .uniqueArray(fc.integer({ min: 1, max: 10_000 }), { maxLength: 6 })
  .map((weights) => weights.toSorted((a, b) => a - b));

test('5 %, 50 %, 100 % become a measurement, a shift and a watch each, then a measurement, commit, keep warm, drain, retire (R-ROLL-02, I6)', () => {
  const phases = blueGreen(policy([500, 5_000, 10_000]), { firstRelease: false });
  expect(phases.map((phase) => ('weight' in phase ? `${phase.kind} ${phase.weight / 100}` : phase.kind))).toEqual([
    'prepare',
    'attest',
    'verify',
    'shift 5',
    'watch 5',
    'attest',
    'shift 50',
    'watch 50',
    'attest',
    'shift 100',
    'watch 100',
    'attest',
    'commit',
    'keep-warm',
    'drain',
    'retire',
  ]);
});

test('the whole traffic is the last step even when nobody wrote it, watched as long as the step before', () => {
  fc.assert(
    fc.property(risingWeights, (weights) => {
      const watches = blueGreen(policy(weights), { firstRelease: false }).filter((phase) => phase.kind === 'watch');
      expect(watches.at(-1)?.weight).toBe(10_000);
      expect(watches.map((watch) => watch.weight)).toEqual([...weights.filter((weight) => weight < 10_000), 10_000]);
      if (weights.length > 0) expect(watches.at(-1)?.for).toBe(minutes(5));
    }),
  );
});

test('whatever the steps, the phases are in an order that loses nothing (I6, I9, I15, D02)', () => {
  fc.assert(
    fc.property(risingWeights, fc.boolean(), (weights, firstRelease) => {
      expect(problemOfPhases(blueGreen(policy(weights), { firstRelease }))).toBeUndefined();
    }),
  );
});

test('a first release is prepared, examined, given everything, watched briefly and committed', () => {
  const phases = blueGreen(policy([500, 10_000]), { firstRelease: true });
  expect(phases.map((phase) => phase.kind)).toEqual(['prepare', 'attest', 'verify', 'shift', 'watch', 'attest', 'commit']);
  expect(phases[3]).toMatchObject({ weight: 10_000 });
});

test('every phase has a deadline, and a watch one that outlasts its own hold (D04)', () => {
  for (const then of ['revert', 'stay'] as const) {
    for (const phase of blueGreen({ ...policy([500]), onInconclusive: { holdFor: minutes(2), then } }, { firstRelease: false })) {
      expect(phase.deadline).toBeGreaterThan(0);
      if (phase.kind === 'watch' || phase.kind === 'keep-warm') expect(phase.deadline).toBeGreaterThan(phase.for + minutes(2));
    }
  }
});

test('steps that do not rise are refused with their place, never reordered (D17)', () => {
  expect(() => blueGreen(policy([5_000, 500]), { firstRelease: false })).toThrow('steps[1].weight: 5 % does not rise above 50 %');
  expect(() => blueGreen(policy([0]), { firstRelease: false })).toThrow('steps[0].weight');
});

test('the guard on phases bites on each order that would lose something', () => {
  const good = blueGreen(policy([500]), { firstRelease: false });
  const without = (kind: string) => good.filter((phase) => phase.kind !== kind);
  const swapped = (kind: string) => [...without(kind), ...good.filter((phase) => phase.kind === kind)];
  for (const kind of ['prepare', 'attest', 'verify', 'commit', 'drain'] as const)
    expect(problemOfPhases(without(kind)), `without ${kind}`).toBeDefined();
  for (const kind of ['prepare', 'attest', 'verify', 'shift', 'commit', 'drain'] as const)
    expect(problemOfPhases(swapped(kind)), `${kind} last`).toBeDefined();
  expect(problemOfPhases([])).toBeDefined();
  for (const [at, { kind }] of good.entries()) {
    if (kind === 'attest')
      expect(problemOfPhases(good.filter((_, other) => other !== at)), `without the measurement at ${at}`).toBeDefined();
  }
});

test('every kind of policy has its strategy', () => {
  expect(Object.keys(strategies)).toEqual(['blue-green']);
  expect(strategies['blue-green'](policy([percent(5)]), { firstRelease: true })).toHaveLength(7);
});
