import { expect, test, vi } from 'vitest';
import { digestOf, percent, seconds } from '#kernel';
import type { Phase } from './phase.ts';
import { planRollout } from './rollout-plan.ts';
import { type Behaviour, normal, rulesOf, simulate, type World } from './simulated-traffic.ts';
import type { SlotCounters } from './ports.ts';
import { deltaOf } from './counter-delta.ts';
import { judge } from './judge.ts';
import { unwatched } from './watch-progress.ts';
import { type WatchRules, watchRules } from './watch-rules.ts';

// Simulations of minutes of traffic: seconds of work on a machine that others use too.
vi.setConfig({ testTimeout: 60_000 });

const facts = {
  deployment: 'd1',
  service: 'production/api',
  release: digestOf('release'),
  version: 'v2',
  artifact: digestOf('artifact'),
  executable: digestOf('program'),
  candidate: 'green',
  stable: { slot: 'blue', key: 'd0' },
  instances: 2,
  smoke: [],
  policy: {
    kind: 'blue-green',
    steps: [{ weight: percent(5), watch: seconds(5) }],
    triggers: [],
    minimumSample: 100,
    onInconclusive: { holdFor: seconds(5), then: 'revert' },
    keepWarm: seconds(30),
    drainWithin: seconds(10),
  },
} as const;
const watch = (more: Partial<World> = {}): World => ({ perSecond: 1_000, share: 0.05, seconds: 10, both: normal, ...more });
const faulty = (candidate: Partial<Behaviour>, more: Partial<World> = {}): World =>
  watch({ fault: { atSecond: 2, candidate: { ...normal, ...candidate } }, ...more });
const seeds = (n: number): readonly number[] => Array.from({ length: n }, (_, at) => at + 1);

const verdicts = (world: World, n: number): readonly string[] => seeds(n).map((seed) => simulate(seed, world).verdict.kind);

test.each([
  { name: 'without errors', both: normal },
  { name: 'with 1 % errors', both: { ...normal, errorRate: 0.01 } },
  { name: 'with 10 % errors', both: { ...normal, errorRate: 0.1 } },
  { name: 'with rare stalls of 20 ms', both: { ...normal, stallsPerSecond: 0.2, stallMs: 20 } },
  { name: 'with stalls of 20 ms just too rare for the p99', both: { ...normal, stallsPerSecond: 0.5, stallMs: 20 } },
  { name: 'with 5 % of their requests left by clients', both: { ...normal, hangRate: 0.05 } },
  { name: 'with 40 % of their requests left by clients', both: { ...normal, hangRate: 0.4 } },
  { name: 'with stalls of 50 ms on a busy machine', both: { ...normal, stallsPerSecond: 2, stallMs: 50 } },
])('identical slots $name are not flagged (rule 4: stated false-alarm rate)', ({ both }) => {
  for (const share of [0.05, 0.5]) expect(verdicts(watch({ both, share }), 60).filter((kind) => kind !== 'pass')).toEqual([]);
});

test.each([
  { errorRate: 0.5, share: 0.05, answers: 40 },
  { errorRate: 0.2, share: 0.05, answers: 80 },
  { errorRate: 0.1, share: 0.05, answers: 150 },
  { errorRate: 0.5, share: 0.5, answers: 150 },
  { errorRate: 0.1, share: 0.5, answers: 400 },
])(
  'errors on $errorRate of the new slot at share $share are found within $answers of its answers, also when they begin in mid-watch',
  ({ errorRate, share, answers }) => {
    for (const seed of seeds(40)) {
      const seen = simulate(seed, faulty({ errorRate }, { share }));
      expect(seen.verdict).toMatchObject({ kind: 'fail', rule: 'hard-errors' });
      expect(seen.answers).toBeLessThanOrEqual(answers);
    }
  },
);

test.each([
  { hangRate: 0.9, share: 0.05, answers: 60 },
  { hangRate: 0.5, share: 0.05, answers: 90 },
  { hangRate: 0.1, share: 0.05, answers: 300 },
  { hangRate: 0.9, share: 0.5, answers: 500 },
  { hangRate: 0.1, share: 0.5, answers: 1_500 },
])(
  'a new slot that leaves $hangRate of its requests without an answer, at share $share, is found soon after the first clients have left (I1, D06)',
  ({ hangRate, share, answers }) => {
    for (const seed of seeds(40)) {
      const seen = simulate(seed, faulty({ hangRate }, { share }));
      expect(seen.verdict).toMatchObject({ kind: 'fail', rule: 'hard-errors', because: expect.stringContaining('left without an answer') });
      expect(seen.answers).toBeLessThanOrEqual(answers);
    }
  },
);

test.each([0.02, 0.1, 0.3])(
  'impatient clients, who leave %d of the requests of both slots, raise no more false alarms than promised (rule 4)',
  (hangRate) => {
    // Few requests, many watches: clients that leave at once and ones that wait, a small and a large share of the traffic.
    const all = [50, 1_000].flatMap((patienceMs) =>
      [0.05, 0.5].flatMap((share) => verdicts({ perSecond: 100, share, seconds: 15, both: { ...normal, hangRate }, patienceMs }, 250)),
    );
    expect(all.filter((kind) => kind !== 'pass').length / all.length).toBeLessThanOrEqual(0.001);
  },
);

test('a slow tail that no average shows is found, with its numbers for people', () => {
  for (const seed of seeds(40)) {
    const { verdict } = simulate(seed, faulty({ slowRate: 0.1, slowMs: 38 }));
    expect(verdict).toMatchObject({ kind: 'fail', rule: 'hard-latency' });
  }
  const { verdict } = simulate(1, watch({ fault: { atSecond: 0, candidate: { ...normal, slowRate: 0.5, slowMs: 38 } } }));
  expect(verdict.kind === 'fail' && verdict.because).toMatch(/^p99 \d+ x the old slot \(\d+ answers, false alarm < 0\.1 %\)$/);
});

test('slower, but less than twice or less than 5 ms more, is not a hard fault: a busy machine does that', () => {
  for (const candidate of [
    { slowRate: 0.5, slowMs: 3 },
    { slowRate: 1, slowMs: 5 },
  ])
    expect(verdicts(faulty(candidate), 20)).not.toContain('fail');
});

test('what hits both slots at the same time is not the new version’s fault', () => {
  const broken = { ...normal, errorRate: 0.6, slowRate: 0.5, slowMs: 80 };
  for (const share of [0.05, 0.5]) expect(verdicts(watch({ both: broken, share }), 40)).not.toContain('fail');
});

test('two errors are no fault, however clear a formula finds them', () => {
  // 20 requests/s, 5 % of them to the new slot: it answers about once a second, and fails every time.
  for (const seed of seeds(40)) {
    const { verdict } = simulate(
      seed,
      watch({ perSecond: 20, seconds: 60, fault: { atSecond: 0, candidate: { ...normal, errorRate: 1 } } }),
    );
    expect(verdict.kind).toBe('fail');
    expect(verdict.kind === 'fail' && verdict.numbers.candidate.errors).toBeGreaterThanOrEqual(3);
  }
});

test('with no old slot beside it, errors are judged by an absolute limit', () => {
  for (const seed of seeds(20)) {
    const bad = simulate(seed, faulty({ errorRate: 0.2 }, { share: 1 }), 'alone');
    expect(bad.verdict).toMatchObject({ kind: 'fail', rule: 'hard-errors' });
    expect(bad.answers).toBeLessThanOrEqual(600);
    expect(simulate(seed, watch({ share: 1, both: { ...normal, errorRate: 0.04 } }), 'alone').verdict.kind).toBe('pass');
  }
});

test('a declared limit above the usual one moves the absolute limit up (D23)', () => {
  const triggers = [{ kind: 'error-rate', above: percent(40), for: seconds(60) }] as const;
  expect(simulate(1, watch({ share: 1, both: { ...normal, errorRate: 0.2 } }), 'alone', { triggers }).verdict.kind).toBe('pass');
  expect(simulate(1, watch({ share: 1, both: { ...normal, errorRate: 0.8 } }), 'alone', { triggers }).verdict.kind).toBe('fail');
});

test('a slow first second of a process that just began to serve is not a fault (D16)', () => {
  const cold = { ...normal, slowRate: 0.3, slowMs: 30 };
  for (const share of [0.05, 0.5]) {
    for (const seed of seeds(20)) {
      // The same as a fault of one second at the start: simulated as a world that is good from then on.
      const { verdict } = simulate(seed, watch({ share, both: normal, fault: { atSecond: 0, candidate: cold, untilSecond: 1 } }));
      expect(verdict.kind).toBe('pass');
    }
  }
});

test('the rules of a watch follow the plan: compared while both serve, absolute at the whole, no sample asked of a first release', () => {
  const plan = planRollout(facts);
  const at = (kind: Phase['kind'], nth = 0): WatchRules =>
    watchRules(plan, plan.phases.flatMap((phase, index) => (phase.kind === kind ? [index] : []))[nth] ?? -1);
  expect(at('watch')).toMatchObject({ ends: 'evidence', comparedWith: 'blue', minimumSample: 100, for: seconds(5), instances: 2 });
  expect(at('watch', 1)).not.toHaveProperty('comparedWith');
  expect(at('keep-warm')).toMatchObject({ ends: 'evidence', for: seconds(30) });
  expect(at('drain')).toMatchObject({ ends: 'alarm-only' });
  const { stable: _, ...first } = facts;
  const firstRelease = planRollout(first);
  expect(
    watchRules(
      firstRelease,
      firstRelease.phases.findIndex((phase) => phase.kind === 'watch'),
    ),
  ).toMatchObject({ minimumSample: 0 });
});

test('fewer than three errors are no fault, even if the evidence were overwhelming', () => {
  const sure = { values: [1e9, 1e9, 1e9, 1e9], massLeft: 0 };
  const ruled = (errors: number, how: 'compared' | 'alone') => {
    const slot = (answers: number, bad: number): SlotCounters => ({
      generation: 'g',
      answers,
      errors: bad,
      inFlight: 0,
      sessions: 0,
      latency: [],
    });
    const from = { blue: slot(0, 0), green: slot(0, 0) };
    const now = { blue: slot(50, 0), green: slot(10, errors) };
    const { comparedWith: _, ...alone } = rulesOf();
    const interval = { ms: 50, now, from, candidate: deltaOf(now.green, from.green), stable: deltaOf(now.blue, from.blue) };
    return judge({ ...unwatched, errors: sure, absolute: sure }, how === 'alone' ? alone : rulesOf(), interval).fault?.rule;
  };
  expect([ruled(2, 'compared'), ruled(2, 'alone')]).toEqual([undefined, undefined]);
  expect([ruled(3, 'compared'), ruled(3, 'alone')]).toEqual(['hard-errors', 'hard-errors']);
});
