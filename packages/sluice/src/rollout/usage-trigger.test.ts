import { expect, test } from 'vitest';
import { bytes, seconds } from '#kernel';
import { healthy } from './fixtures/upgrade.ts';
import { reading, rules as usual, take, watchAll, withInstances } from './fixtures/watched.ts';
import type { Trigger } from './policy.ts';
import type { InstanceUsage } from './ports.ts';

const GiB = 2 ** 30;
/** A version whose instance uses this much at the n-th look. */
const using = (usage: (n: number) => InstanceUsage | undefined, count = 60) =>
  take(3, count).map((sample, n) => {
    const used = usage(n);
    return reading(withInstances(sample, used === undefined ? healthy : { ...healthy, usage: used }));
  });
const judged = (trigger: Trigger, usage: (n: number) => InstanceUsage | undefined) =>
  watchAll(using(usage), { ...usual, triggers: [trigger] }).verdict;

test('one that grew to 5 GB is taken back by a limit that nobody had to declare', () => {
  const growth: Trigger = { kind: 'memory-growth', times: 3, atLeast: bytes('1GiB'), for: seconds(1) };
  const verdict = judged(growth, (n) => ({ memoryBytes: (0.1 + n * 0.5) * GiB, cpuMs: 0 }));
  expect(verdict).toMatchObject({ kind: 'fail', rule: 'memory-growth' });
  expect(verdict.kind === 'fail' && verdict.because).toMatch(
    /^api-1 grew from \d+ MiB to [\d.]+ GiB of memory \(limit 3 times as much for 1s\)$/,
  );
});

test('a process that warms up, or is large from the beginning, has not grown', () => {
  const growth: Trigger = { kind: 'memory-growth', times: 3, atLeast: bytes('1GiB'), for: seconds(1) };
  expect(judged(growth, (n) => ({ memoryBytes: Math.min(500, 20 * (n + 1)) * 2 ** 20, cpuMs: 0 })).kind).not.toBe('fail');
  expect(judged(growth, (n) => ({ memoryBytes: 8 * GiB + n, cpuMs: 0 })).kind).not.toBe('fail');
});

test('a limit on memory is broken only without a break for as long as it says', () => {
  const limit: Trigger = { kind: 'memory', above: bytes('1GiB'), for: seconds(1) };
  expect(judged(limit, () => ({ memoryBytes: 2 * GiB, cpuMs: 0 }))).toMatchObject({
    kind: 'fail',
    rule: 'memory',
    because: 'api-1 uses 2 GiB of memory (limit 1 GiB for 1s)',
  });
  expect(judged(limit, (n) => ({ memoryBytes: n % 10 === 0 ? 0 : 2 * GiB, cpuMs: 0 })).kind).not.toBe('fail');
});

test('CPU is time spent since the look before; a process that was started again begins anew', () => {
  const limit: Trigger = { kind: 'cpu', abovePercent: 150, for: seconds(1) };
  expect(judged(limit, (n) => ({ memoryBytes: 1, cpuMs: n * 100 }))).toMatchObject({ kind: 'fail', rule: 'cpu' });
  expect(judged(limit, (n) => ({ memoryBytes: 1, cpuMs: n * 40 })).kind).not.toBe('fail');
  expect(judged(limit, (n) => ({ memoryBytes: 1, cpuMs: n % 2 === 0 ? 1e6 : 0 })).kind).not.toBe('fail');
});

test('a declared limit that nothing is measured for is not kept: the watch does not pass (I1)', () => {
  const declared: Trigger = { kind: 'memory', above: bytes('1GiB'), for: seconds(1) };
  const long = watchAll(
    using(() => undefined, 200),
    { ...usual, triggers: [declared] },
  ).verdict;
  expect(long).not.toMatchObject({ kind: 'pass' });
  const growth: Trigger = { kind: 'memory-growth', times: 3, atLeast: bytes('1GiB'), for: seconds(1) };
  expect(
    watchAll(
      using(() => undefined, 200),
      { ...usual, triggers: [growth] },
    ).verdict.kind,
  ).not.toBe('fail');
});
