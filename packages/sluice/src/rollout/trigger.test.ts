import { expect, test } from 'vitest';
import { milliseconds, percent, seconds } from '#kernel';
import { reading, rules, type Run, take, watchAll, withGreen, withInstances, world } from './fixtures/watched.ts';
import type { Trigger } from './policy.ts';
import type { SlotCounters } from './ports.ts';
import { healthyInstance, normal, periodMs, type World } from './simulated-traffic.ts';
import type { Reading } from './watch.ts';

const sick = (error: Partial<typeof normal>, more: Partial<World> = {}): World => ({
  ...world,
  seconds: 20,
  both: { ...normal, ...error },
  ...more,
});
const triggered = (trigger: Trigger, from: World, seed = 1): Run => {
  const by = { ...rules, for: seconds(20), triggers: [trigger] };
  return watchAll(take(seed, 450, from).map(reading), by);
};

test('errors above the limit fire only when they have lasted for the declared time, on the whole service too (R-ROLL-05)', () => {
  const trigger: Trigger = { kind: 'error-rate', above: percent(5), for: seconds(4) };
  const { verdict, progress } = triggered(trigger, sick({ errorRate: 0.2 }));
  expect(verdict).toMatchObject({ kind: 'fail', rule: 'error-rate', because: expect.stringMatching(/^errors .+ \(limit 5 % for 4s\)$/) });
  expect(progress.lastAt).toBeGreaterThanOrEqual(4_000);
  expect(progress.lastAt).toBeLessThanOrEqual(4_200);
  expect(triggered(trigger, sick({ errorRate: 0.02 })).verdict.kind).toBe('pass');
  // The new slot gives a hundredth of the answers and all of them are good: only the service as a whole is sick.
  const whole = triggered(trigger, sick({ errorRate: 0.2 }, { share: 0.01, fault: { atSecond: 0, candidate: normal } }));
  expect(whole.verdict).toMatchObject({ kind: 'fail', because: expect.stringContaining('the whole service') });
});

test('a request whose client left is an error for a declared limit: whose callers all gave up has failed them', () => {
  const trigger: Trigger = { kind: 'error-rate', above: percent(5), for: seconds(4) };
  // On both slots alike: no comparison finds it.
  const { verdict } = triggered(trigger, sick({ hangRate: 0.3 }));
  expect(verdict).toMatchObject({ kind: 'fail', rule: 'error-rate', numbers: { candidate: { errors: 0, abandoned: expect.any(Number) } } });
  expect(triggered(trigger, sick({ hangRate: 0.02 })).verdict.kind).toBe('pass');
});

test('answers that stop are silence, however many clients leave (I1)', () => {
  const long = { ...rules, for: seconds(60), onInconclusive: { holdFor: seconds(2), then: 'revert' } } as const;
  const stopped: World = { ...world, share: 1, seconds: 60, fault: { atSecond: 10, candidate: { ...normal, hangRate: 1 } } };
  const { comparedWith: _, ...alone } = long;
  expect(watchAll(take(1, 1_400, stopped).map(reading), alone).verdict).toMatchObject({
    kind: 'inconclusive',
    because: expect.stringContaining('no answer for'),
  });
});

test('a breach that ended in between begins again (D23: the duration counts)', () => {
  const trigger: Trigger = { kind: 'error-rate', above: percent(5), for: seconds(8) };
  const calm = take(1, 450, sick({})).map((sample) => {
    // Errors come for four seconds, stop for four, and come again.
    const sickMs = Math.floor(sample.at / 8_000) * 4_000 + Math.min(4_000, sample.at % 8_000);
    const { blue, green } = sample.counters;
    return reading({
      ...sample,
      counters: { blue: { ...blue, errors: Math.floor(sickMs / 100) * 4 }, green: { ...green, errors: Math.floor(sickMs / 100) * 2 } },
    });
  });
  expect(watchAll(calm, { ...rules, for: seconds(20), triggers: [trigger] }).verdict.kind).toBe('pass');
});

test('silence neither adds to a breach nor ends it: it is no proof of health (I1)', () => {
  const trigger: Trigger = { kind: 'error-rate', above: percent(5), for: seconds(4) };
  const [first] = take(1, 1);
  // Both slots fail a fifth of their answers for two seconds, are silent for five, and fail again.
  const active = (ms: number): number => Math.min(ms, 2_000) + Math.max(0, ms - 7_000);
  const readings = Array.from({ length: 300 }, (_, tick): Reading => {
    const answers = Math.floor(active(tick * periodMs) / periodMs) * 10;
    const slot: SlotCounters = { generation: 'g1', answers, errors: answers / 5, inFlight: 0, sessions: 0, latency: [answers] };
    return reading({ ...first!, at: tick * periodMs, counters: { blue: slot, green: slot } });
  });
  const { verdict, progress } = watchAll(readings, { ...rules, for: seconds(20), triggers: [trigger] });
  expect(verdict).toMatchObject({ kind: 'fail', rule: 'error-rate' });
  expect(progress.lastAt).toBeGreaterThanOrEqual(7_000);
  expect(progress.lastAt).toBeLessThanOrEqual(9_200);
});

test('a quantile above its limit for its time fires; the fast majority does not hide it', () => {
  const trigger: Trigger = { kind: 'latency', quantile: 'p99', above: milliseconds(50), for: seconds(3) };
  const { verdict, progress } = triggered(trigger, sick({ slowRate: 0.1, slowMs: 80 }));
  expect(verdict).toMatchObject({
    kind: 'fail',
    rule: 'latency',
    because: expect.stringMatching(/^p99 of the (new slot|whole service) above 0.05s for 3s/),
  });
  expect(progress.lastAt).toBeLessThanOrEqual(3_300);
  expect(triggered(trigger, sick({ slowRate: 0.1, slowMs: 40 })).verdict.kind).toBe('pass');
  expect(triggered({ ...trigger, quantile: 'p50' }, sick({ slowRate: 0.1, slowMs: 80 })).verdict.kind).toBe('pass');
});

test('a limit below a millisecond is judged as written (D17)', () => {
  const trigger: Trigger = { kind: 'latency', quantile: 'p50', above: milliseconds(0.3), for: seconds(1) };
  expect(triggered(trigger, sick({})).verdict).toMatchObject({ kind: 'fail', rule: 'latency' });
  expect(triggered({ ...trigger, above: milliseconds(0.5) }, sick({})).verdict.kind).toBe('pass');
});

test('health failures in a row and restarts fire at their count, at once, even while counters cannot be read', () => {
  const samples = take(1, 10);
  const unhealthy = (failures: number, restarts: number): Run =>
    watchAll(
      samples.map((sample) =>
        reading(
          withGreen(withInstances(sample, { ...healthyInstance, healthFailuresInARow: failures, restarts }), (green) => ({
            ...green,
            answers: Number.NaN,
          })),
        ),
      ),
      {
        ...rules,
        triggers: [
          { kind: 'health-failures', inARow: 3 },
          { kind: 'restarts', above: 3 },
        ],
      },
    );
  expect(unhealthy(2, 3).verdict.kind).toBe('continue');
  expect(unhealthy(3, 0)).toMatchObject({
    used: 1,
    verdict: { kind: 'fail', rule: 'health-failures', because: 'api-green-1 failed 3 health checks in a row (limit 3)' },
  });
  expect(unhealthy(0, 4)).toMatchObject({
    used: 1,
    verdict: { kind: 'fail', rule: 'restarts', because: 'instances of the new slot were restarted 4 times (limit 3)' },
  });
});

test('a declared latency limit without latencies is not measured, so it does not pass (I1, D24)', () => {
  const blind = take(1, 100).map((sample) => reading(withGreen(sample, (green) => ({ ...green, latency: [] }))));
  const trigger: Trigger = { kind: 'latency', quantile: 'p99', above: milliseconds(50), for: seconds(1) };
  expect(watchAll(blind).verdict.kind).toBe('pass');
  expect(watchAll(blind, { ...rules, triggers: [trigger] }).verdict).toMatchObject({
    kind: 'inconclusive',
    because: expect.stringContaining('0 of 100 latencies'),
  });
});
