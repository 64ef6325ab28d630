import fc from 'fast-check';
import { expect, test } from 'vitest';
import { milliseconds, minutes, percent, seconds } from '#kernel';
import { reading, rules, take, watchAll, withGreen, withInstances, world } from './fixtures/watched.ts';
import type { Trigger } from './policy.ts';
import type { Sample } from './ports.ts';
import { healthyInstance, normal, periodMs, simulate, type World } from './simulated-traffic.ts';
import { nextWatch, resumeWatch, unwatched, watchFrom, type WatchProgress } from './watch-progress.ts';
import type { WatchRules } from './watch-rules.ts';
import { observe, type Reading } from './watch.ts';

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
