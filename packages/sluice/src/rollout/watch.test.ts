import fc from 'fast-check';
import { expect, test } from 'vitest';
import { milliseconds, minutes, percent, seconds } from '#kernel';
import type { Trigger } from './policy.ts';
import type { InstanceStatus, Sample, SlotCounters } from './ports.ts';
import { healthyInstance, normal, periodMs, rulesOf, samplesOf, simulate, type World } from './simulated-traffic.ts';
import { observe, type Reading } from './watch.ts';
import { nextWatch, resumeWatch, unwatched, watchFrom, type WatchProgress } from './watch-progress.ts';
import type { WatchRules } from './watch-rules.ts';
import type { WatchVerdict } from './watch-verdict.ts';

const world: World = { perSecond: 200, share: 0.3, seconds: 3, both: normal };
const rules = rulesOf({ for: seconds(3), minimumSample: 100, onInconclusive: { holdFor: seconds(2), then: 'revert' } });

const take = (seed: number, count: number, from: World = world): readonly Sample[] => samplesOf(seed, from).take(count).toArray();
const reading = (sample: Sample): Reading => ({ kind: 'sample', sample });

type Run = { readonly verdict: WatchVerdict; readonly progress: WatchProgress; readonly used: number };

/** Feeds readings until the watch ends; `continue` when they ran out. */
function watchAll(readings: readonly Reading[], by: WatchRules = rules, start: WatchProgress = unwatched): Run {
  let progress = start;
  let verdict: WatchVerdict = { kind: 'continue' };
  for (const [at, one] of readings.entries()) {
    ({ progress, verdict } = observe(progress, one, by));
    if (verdict.kind !== 'continue') return { verdict, progress, used: at + 1 };
  }
  return { verdict, progress, used: readings.length };
}

const withGreen = (sample: Sample, change: (green: SlotCounters) => SlotCounters): Sample => ({
  ...sample,
  counters: { ...sample.counters, green: change(sample.counters.green) },
});
const withInstances = (sample: Sample, ...instances: readonly InstanceStatus[]): Sample => ({ ...sample, instances });

test('a good watch passes when its time is over and says what it saw (I16)', () => {
  const { verdict } = watchAll(take(1, 100).map(reading));
  expect(verdict).toMatchObject({ kind: 'pass', numbers: { watchedMs: 3_000, samples: 60, candidate: { errors: 0 } } });
  expect(verdict.kind === 'pass' && verdict.numbers.candidate.answers).toBeGreaterThan(100);
  expect(verdict.kind === 'pass' && verdict.because).toMatch(/^\d+ answers, 0 errors in 3s$/);
});

// ---------------------------------------------------------------- evidence

type Mutation = (samples: readonly Sample[], at: number) => readonly Reading[];
const edit =
  (change: (sample: Sample) => Sample): Mutation =>
  (samples, at) =>
    samples.map((sample, index) => reading(index === at ? change(sample) : sample));
const counter = (name: 'answers' | 'errors' | 'abandoned' | 'inFlight', value: number): Mutation =>
  edit((sample) => withGreen(sample, (green) => ({ ...green, [name]: value })));
const bucket = (value: number): Mutation =>
  edit((sample) => withGreen(sample, (green) => ({ ...green, latency: [...green.latency.slice(1), value] })));

const mutations: Readonly<Record<string, Mutation>> = {
  drop: (samples, at) => samples.filter((_, index) => index !== at).map(reading),
  duplicate: (samples, at) => samples.flatMap((sample, index) => (index === at ? [reading(sample), reading(sample)] : [reading(sample)])),
  delay: (samples, at) => {
    const late = samples[at];
    const rest = samples.filter((_, index) => index !== at);
    return [...rest.slice(0, at + 5), ...(late === undefined ? [] : [late]), ...rest.slice(at + 5)].map(reading);
  },
  'repeat old counters at a new time': (samples, at) =>
    samples.map((sample, index) => reading(index === at ? { ...sample, counters: (samples[0] ?? sample).counters } : sample)),
  'NaN time': edit((sample) => ({ ...sample, at: Number.NaN })),
  'infinite time': edit((sample) => ({ ...sample, at: Infinity })),
  'time going back': edit((sample) => ({ ...sample, at: -1 })),
  'NaN answers': counter('answers', Number.NaN),
  'infinite answers': counter('answers', Infinity),
  'negative answers': counter('answers', -1),
  'fractional answers': counter('answers', 10.5),
  'NaN errors': counter('errors', Number.NaN),
  'negative errors': counter('errors', -3),
  'NaN abandoned requests': counter('abandoned', Number.NaN),
  'negative abandoned requests': counter('abandoned', -2),
  'NaN requests in flight': counter('inFlight', Number.NaN),
  'NaN latency': bucket(Number.NaN),
  'infinite latency': bucket(Infinity),
  'negative latency': bucket(-7),
  'counters going back': edit((sample) =>
    withGreen(sample, (green) => ({ ...green, answers: Math.max(0, green.answers - 1), latency: [] })),
  ),
  'a new generation with great numbers': edit((sample) =>
    withGreen(sample, (green) => ({ ...green, generation: 'g2', answers: green.answers + 1_000_000 })),
  ),
  'no instances': edit((sample) => withInstances(sample)),
  'NaN restarts': edit((sample) => withInstances(sample, { ...healthyInstance, restarts: Number.NaN })),
  unreadable: (samples, at) =>
    samples.map((sample, index): Reading => (index === at ? { kind: 'unreadable', at: sample.at, message: 'refused' } : reading(sample))),
};

test.each(Object.keys(mutations))('one sample with this fault never lets a watch pass earlier or on more: %s (rule 5, I1)', (name) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 0, max: 70 }), (seed, at) => {
      const samples = take(seed, 75);
      const clean = watchAll(samples.map(reading));
      const mutated = watchAll(mutations[name]!(samples, at));
      expect(mutated.verdict.kind).not.toBe('fail');
      if (mutated.verdict.kind !== 'pass' || clean.verdict.kind !== 'pass') return;
      const [dirty, pure] = [mutated.verdict.numbers, clean.verdict.numbers];
      expect(dirty.watchedMs).toBeGreaterThanOrEqual(rules.for);
      expect(mutated.progress.lastAt).toBeGreaterThanOrEqual(clean.progress.lastAt ?? 0);
      expect(dirty.samples).toBeLessThanOrEqual(mutated.used);
      // No more answers than really were given by then.
      const real = samples.findLast((sample) => sample.at <= (mutated.progress.lastAt ?? 0))?.counters.green.answers ?? 0;
      expect(dirty.candidate.answers).toBeLessThanOrEqual(real);
      expect(pure.candidate.answers).toBeGreaterThanOrEqual(rules.minimumSample);
    }),
    { numRuns: 40 },
  );
});

// A series that is shifted as a whole is another true series: these are faults only among good samples.
const onlyAmongOthers: readonly string[] = [
  'drop',
  'duplicate',
  'delay',
  'repeat old counters at a new time',
  'counters going back',
  'a new generation with great numbers',
];

test.each(Object.keys(mutations).filter((name) => !onlyAmongOthers.includes(name)))(
  'when every sample has this fault, a watch never passes: %s (I1)',
  (name) => {
    const samples = take(7, 200);
    // Each sample with its own fault, put together again in order.
    const readings = samples.flatMap((sample, at) =>
      mutations[name]!(samples, at)
        .filter((one) => one.kind === 'unreadable' || !samples.includes(one.sample))
        .slice(0, 1),
    );
    expect(readings.length).toBeGreaterThan(100);
    expect(['continue', 'inconclusive']).toContain(watchAll(readings).verdict.kind);
  },
);

test('the same counters again and again are a stale source, not a quiet service that is well (I1, D14)', () => {
  const long = { ...rules, for: seconds(60) };
  const samples = take(3, 40);
  const last = samples.at(-1)!;
  const frozen = Array.from({ length: 3_000 }, (_, at): Reading => reading({ ...last, at: last.at + (at + 1) * periodMs }));
  expect(watchAll([...samples.map(reading), ...frozen], long).verdict).toMatchObject({
    kind: 'inconclusive',
    because: expect.stringContaining('no answer for'),
  });
});

test('zero answers at the end hold exposure for the declared time, then the policy applies (I16, D14)', () => {
  const silent = take(1, 400, { ...world, perSecond: 0 }).map(reading);
  const ended = watchAll(silent);
  expect(ended.verdict).toMatchObject({ kind: 'inconclusive', because: '0 of 100 answers seen; held for 2s' });
  expect(ended.progress.lastAt).toBe(3_000 + 2_000 - periodMs);
  // `stay`: nothing is decided, and the watch goes on.
  const stay = watchAll(silent, { ...rules, onInconclusive: { holdFor: seconds(2), then: 'stay' } });
  expect(stay.verdict).toMatchObject({ kind: 'continue', doubt: expect.stringContaining('0 of 100 answers seen') });
});

test('an unreachable metric source holds, and a healthy release goes on when it is back in time (D15)', () => {
  const samples = take(5, 120);
  const outage = (ms: number): readonly Reading[] =>
    samples.map((sample) =>
      sample.at >= 1_000 && sample.at < 1_000 + ms ? { kind: 'unreadable', at: sample.at, message: 'connection refused' } : reading(sample),
    );
  expect(watchAll(outage(1_500)).verdict.kind).toBe('pass');
  expect(watchAll(outage(1_500)).progress.lastAt).toBeGreaterThanOrEqual(3_000 + 1_500 - 2 * periodMs);
  expect(watchAll(outage(4_000)).verdict).toMatchObject({ kind: 'inconclusive', because: expect.stringContaining('connection refused') });
});

test('a minimum sample that comes late is waited for within the hold', () => {
  const needs = { ...rules, minimumSample: 240 };
  const { verdict, progress } = watchAll(take(2, 200).map(reading), needs);
  expect(verdict.kind).toBe('pass');
  expect(progress.lastAt).toBeGreaterThan(3_000);
});

// ---------------------------------------------------------------- time

test('a controller that slept has not watched: a long silence counts as one period (I16)', () => {
  const samples = take(4, 40);
  const asleep = samples.map((sample, at) => reading(at < 20 ? sample : { ...sample, at: sample.at + 3_600_000 }));
  expect(watchAll(asleep).progress.watchedMs).toBe(39 * periodMs);
});

test('a watch goes on where it was when another reader, with another clock, takes over (I4)', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 58 }), fc.integer({ min: -1_000_000, max: 1_000_000 }), (cut, otherClock) => {
      const samples = take(6, 100);
      const before = watchAll(samples.slice(0, cut).map(reading));
      const read = resumeWatch(JSON.parse(JSON.stringify(before.progress)) as WatchProgress);
      const after = watchAll(
        samples.slice(cut).map((sample) => reading({ ...sample, at: sample.at + otherClock })),
        rules,
        read,
      );
      expect(after.verdict.kind).toBe('pass');
      expect(after.progress.watchedMs).toBe(3_000);
      // The gap between the two readers is not counted: one period more must be watched.
      expect(cut + after.used).toBe(62);
    }),
  );
});

test('a fault during the takeover is in the counters and is found', () => {
  const faulty: World = { ...world, fault: { atSecond: 0.5, candidate: { ...normal, errorRate: 0.5 } } };
  const samples = take(6, 100, faulty);
  const before = watchAll(samples.slice(0, 8).map(reading));
  const after = watchAll(samples.slice(40).map(reading), rules, resumeWatch(before.progress));
  expect(after.verdict).toMatchObject({ kind: 'fail', rule: 'hard-errors' });
  expect(after.used).toBe(1);
});

test('counters that begin anew restart the watch, and a breach goes on', () => {
  const samples = take(8, 140);
  const restarted = samples.map((sample, at) => (at < 50 ? sample : withGreen(sample, (green) => ({ ...green, generation: 'g2' }))));
  const { progress, verdict } = watchAll(restarted.map(reading));
  expect(verdict.kind).toBe('pass');
  expect(progress.lastAt).toBe(50 * periodMs + 3_000);
});

test('the next watch counts from the last sample of the one before, so that nothing in between stays unseen (D06)', () => {
  const { progress } = watchAll(take(9, 80).map(reading));
  const next = nextWatch(progress);
  expect(next.from).toEqual(progress.last);
  expect(next).toMatchObject({ watchedMs: 0, samples: 0, lastAt: progress.lastAt });
  const [sample] = take(9, 1);
  expect(watchFrom(next, sample!.counters)).toBe(next);
  expect(watchFrom(unwatched, sample!.counters)).toMatchObject({ from: sample!.counters, last: sample!.counters });
});

test('progress stays small enough to be written often', () => {
  const triggers: readonly Trigger[] = [
    { kind: 'error-rate', above: percent(5), for: minutes(2) },
    { kind: 'latency', quantile: 'p99', above: milliseconds(50), for: minutes(5) },
  ];
  const { progress } = simulate(1, { ...world, perSecond: 1_000, seconds: 60 }, 'compared', { triggers });
  expect(JSON.stringify(progress).length).toBeLessThan(20_000);
});

// ---------------------------------------------------------------- triggers

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

test('an instance that is missing or not healthy at the end holds the watch', () => {
  const samples = take(1, 61);
  const last = samples.at(-1)!;
  const start = watchAll(samples.slice(0, -1).map(reading));
  expect(observe(start.progress, reading(withInstances(last)), rules).verdict).toEqual({
    kind: 'continue',
    doubt: '0 of 1 instances are seen',
  });
  expect(observe(start.progress, reading(withInstances(last, { ...healthyInstance, state: 'unhealthy' })), rules).verdict).toEqual({
    kind: 'continue',
    doubt: 'api-green-1 is unhealthy',
  });
});

test('a watch beside another phase only raises the alarm: it neither passes nor gives up (D06)', () => {
  const beside: WatchRules = { ...rules, ends: 'alarm-only' };
  expect(watchAll(take(1, 200).map(reading), beside).verdict.kind).toBe('continue');
  expect(watchAll(take(1, 400, { ...world, perSecond: 0 }).map(reading), beside).verdict.kind).toBe('continue');
  expect(
    watchAll(take(1, 200, { ...world, fault: { atSecond: 1, candidate: { ...normal, errorRate: 0.5 } } }).map(reading), beside).verdict
      .kind,
  ).toBe('fail');
});

test('a verdict tells when the first bad answer was: from there the clock of a fault runs', () => {
  const { verdict } = watchAll(take(1, 200, { ...world, fault: { atSecond: 1, candidate: { ...normal, errorRate: 0.5 } } }).map(reading));
  expect(verdict).toMatchObject({
    kind: 'fail',
    numbers: { firstErrorAt: 1_000, candidate: { errors: expect.any(Number) }, stable: { errors: 0 } },
  });
});
