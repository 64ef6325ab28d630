import { expect, test } from 'vitest';
import { seconds } from '#kernel';
import { healthy } from './fixtures/upgrade.ts';
import { withInstances } from './fixtures/watched.ts';
import { faultOfProbes, judgeProbe } from './probe-evidence.ts';
import { normal, rulesOf, samplesOf } from './simulated-traffic.ts';
import { observe } from './watch.ts';
import { unwatched, type WatchProgress } from './watch-progress.ts';
import type { WatchVerdict } from './watch-verdict.ts';

const check = { method: 'GET', path: '/health', status: 200, contains: 'ok' } as const;
const rules = { ...rulesOf({ for: seconds(2), minimumSample: 20, onInconclusive: { holdFor: seconds(1), then: 'revert' } }), probed: true };
/** A market in which nobody calls. */
const silent = samplesOf(1, { perSecond: 0, share: 0.3, seconds: 6, both: normal })
  .take(120)
  .map((sample) => withInstances(sample, healthy))
  .toArray();

function watch(probes: (n: number) => { readonly answers: number; readonly bad: number } | undefined, by = rules) {
  let progress: WatchProgress = unwatched;
  let verdict: WatchVerdict = { kind: 'continue' };
  for (const [n, sample] of silent.entries()) {
    const sent = probes(n);
    ({ progress, verdict } = observe(progress, { kind: 'sample', sample, ...(sent === undefined ? {} : { probes: sent }) }, by));
    if (verdict.kind !== 'continue') break;
  }
  return verdict;
}

test('an answer counts when status and words are as declared, on every instance', () => {
  const answer = (instance: string, status: number, body = 'ok') => ({ instance, status, body });
  expect(judgeProbe(check, [answer('a', 200), answer('b', 200)])).toEqual({ answers: 2, bad: 0 });
  expect(judgeProbe(check, [answer('a', 200), answer('b', 0)])).toEqual({
    answers: 2,
    bad: 1,
    wrong: 'GET /health answered nothing on b, wanted 200',
  });
  expect(judgeProbe(check, [answer('a', 200, 'no')]).wrong).toBe('GET /health answered 200 without "ok" on a, wanted 200');
});

test('in a quiet market declared probes are the evidence, and the verdict says that they were probes', () => {
  const verdict = watch((n) => (n % 2 === 0 ? { answers: 1, bad: 0 } : undefined));
  expect(verdict).toMatchObject({ kind: 'pass', numbers: { candidate: { answers: 0 }, probes: { failed: 0 } } });
  expect(verdict.kind === 'pass' && verdict.because).toMatch(/^0 answers and \d+ probes \(0 failed\), 0 errors in 2s$/);
});

test('probes that nobody declared count for nothing, and silence stays inconclusive (I1)', () => {
  expect(watch(() => undefined)).toMatchObject({ kind: 'inconclusive' });
  expect(watch(() => ({ answers: 1, bad: 0 }), { ...rules, probed: false })).toMatchObject({ kind: 'inconclusive' });
});

test('probes that fail take the version back, and one hiccup does not', () => {
  expect(watch((n) => ({ answers: 1, bad: n % 5 === 0 ? 1 : 0 }))).toMatchObject({ kind: 'fail', rule: 'probes' });
  expect(watch((n) => ({ answers: 1, bad: n === 7 ? 1 : 0 }))).toMatchObject({ kind: 'pass' });
  expect(faultOfProbes({ answers: 40, bad: 2 }, 0.01, undefined)).toBeUndefined();
});
