import { expect, test } from 'vitest';
import { absoluteEvidence, addEvidence, comparisonEvidence, evidenceOf } from './statistics.ts';
import { binomial, seeded } from './simulated-traffic.ts';
import { unwatched } from './watch-progress.ts';

const intervals = 200;
const requestsPerInterval = 50;

/** The most that the evidence ever showed in a watch in which nothing is wrong, looked at after every interval. */
function highest(seed: number, share: number, errorRate: number): number {
  const random = seeded(seed);
  let progress = unwatched.errors;
  let most = 0;
  for (let at = 0; at < intervals; at += 1) {
    const mine = binomial(random, requestsPerInterval, share);
    const theirs = requestsPerInterval - mine;
    const candidate = { answers: mine, bad: binomial(random, mine, errorRate) };
    const stable = { answers: theirs, bad: binomial(random, theirs, errorRate) };
    progress = addEvidence(progress, comparisonEvidence({ candidate, stable }), { share: 1 / intervals });
    most = Math.max(most, evidenceOf(progress));
  }
  return most;
}

test.each([
  [0.05, 0.001],
  [0.05, 0.01],
  [0.05, 0.1],
  [0.5, 0.001],
  [0.5, 0.01],
  [0.5, 0.1],
])(
  'identical slots, share %d of the new one, errors %d: 200 looks at each of 2,000 watches raise no more false alarms than promised',
  (share, errorRate) => {
    const watches = 2_000;
    const all = Array.from({ length: watches }, (_, at) => highest(at + 1, share, errorRate));
    // A generous level shows that the bound is one: a fixed test looked at 200 times at 5 % alarms in a third of the watches.
    expect(all.filter((most) => most >= 1 / 0.05).length / watches).toBeLessThanOrEqual(0.05);
    expect(all.filter((most) => most >= 1 / 0.0004).length / watches).toBeLessThanOrEqual(0.001);
  },
  60_000,
);

test('given the margins, the expectation of each e-value is 1 when slots are equal: the bound rests on this', () => {
  const [mine, theirs, bad] = [7, 20, 5];
  const choose = (n: number, k: number): number =>
    Array.from({ length: k }, (_, at) => (n - at) / (at + 1)).reduce((product, factor) => product * factor, 1);
  const expectations = [0, 0, 0, 0];
  for (let hit = 0; hit <= bad; hit += 1) {
    const chance = (choose(mine, hit) * choose(theirs, bad - hit)) / choose(mine + theirs, bad);
    const values = comparisonEvidence({ candidate: { answers: mine, bad: hit }, stable: { answers: theirs, bad: bad - hit } });
    for (const [at, value] of values.entries()) expectations[at] = (expectations[at] ?? 0) + chance * value;
  }
  for (const expectation of expectations) expect(expectation).toBeCloseTo(1, 9);
});

test('an absolute limit: the expectation is 1 at the limit and less below it', () => {
  for (const [rate, most] of [
    [0.05, 1 + 1e-9],
    [0.02, 1],
    [0, 1],
  ] as const) {
    const good = absoluteEvidence({ answers: 1, bad: 0 }, 0.05);
    const bad = absoluteEvidence({ answers: 1, bad: 1 }, 0.05);
    for (const [at, value] of good.entries()) expect((1 - rate) * value + rate * (bad[at] ?? 0)).toBeLessThanOrEqual(most);
  }
});

test('an interval without bad answers, or without answers of one slot, says nothing', () => {
  const nothing = [1, 1, 1, 1];
  expect(comparisonEvidence({ candidate: { answers: 50, bad: 0 }, stable: { answers: 50, bad: 0 } })).toEqual(nothing);
  expect(comparisonEvidence({ candidate: { answers: 50, bad: 9 }, stable: { answers: 0, bad: 0 } })).toEqual(nothing);
  expect(comparisonEvidence({ candidate: { answers: 0, bad: 0 }, stable: { answers: 50, bad: 9 } })).toEqual(nothing);
});

test('large intervals, as after an outage of the source, neither overflow nor lose the sign', () => {
  const worse = comparisonEvidence({ candidate: { answers: 100_000, bad: 5_000 }, stable: { answers: 100_000, bad: 1_000 } });
  const better = comparisonEvidence({ candidate: { answers: 100_000, bad: 1_000 }, stable: { answers: 100_000, bad: 5_000 } });
  for (const value of [...worse, ...better]) expect(value).not.toBeNaN();
  expect(Math.max(...worse)).toBeGreaterThan(1e6);
  expect(Math.max(...better)).toBeLessThan(1e-6);
  let progress = addEvidence(unwatched.errors, worse, { share: 0.1 });
  for (let at = 0; at < 50; at += 1) progress = addEvidence(progress, worse, { share: 0.1 });
  // JSON has no infinity: what cannot be read back from a row would be lost with a crash.
  expect(JSON.parse(JSON.stringify(progress))).toEqual(progress);
});

test('a bet placed bit by bit never exceeds its budget, and leaves something for a fault that begins late', () => {
  let progress = unwatched.errors;
  for (let at = 0; at < 10_000; at += 1) progress = addEvidence(progress, [1, 1, 1, 1], { share: 1 / intervals });
  expect(evidenceOf(progress)).toBeLessThanOrEqual(1 + 1e-9);
  expect(progress.massLeft).toBeGreaterThanOrEqual(0);
});
