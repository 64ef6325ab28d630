import { expect, test } from 'vitest';
import { percent, seconds } from '#kernel';
import { bucketOf } from './histogram.ts';
import type { SlotCounters } from './ports.ts';
import { healthyInstance, normal, periodMs, rulesOf, simulate, type World } from './simulated-traffic.ts';
import { observe } from './watch.ts';
import { unwatched } from './watch-progress.ts';
import type { WatchRules } from './watch-rules.ts';
import type { WatchVerdict } from './watch-verdict.ts';

const { comparedWith: _, ...alone } = rulesOf();
const everything: World = { perSecond: 500, share: 1, seconds: 10, both: normal };
const hanging = (hangRate: number, more: Partial<World> = {}): World => ({ ...everything, both: { ...normal, hangRate }, ...more });

/** A slot after `ms` of a steady life: requests per second that were answered, and that were left, and how many are open. */
type Life = {
  readonly answered: number;
  readonly left?: number;
  readonly open?: (ms: number) => number;
  readonly latencyMs?: number;
  readonly before?: Partial<SlotCounters>;
};

function countersAt(ms: number, { answered, left = 0, open = () => 0, latencyMs = 1, before = {} }: Life): SlotCounters {
  const answers = Math.floor((answered * ms) / 1_000) + (before.answers ?? 0);
  const latency = Array.from({ length: bucketOf(latencyMs * 1_000) + 1 }, () => 0);
  latency[bucketOf(latencyMs * 1_000)] = answers;
  return {
    generation: 'g1',
    answers,
    errors: 0,
    inFlight: Math.round(open(ms)) + (before.inFlight ?? 0),
    sessions: 0,
    abandoned: Math.floor((left * ms) / 1_000) + (before.abandoned ?? 0),
    latency,
  };
}

/** How a watch of both lives ends. */
function ending(green: Life, blue: Life, rules: WatchRules): WatchVerdict {
  let progress = unwatched;
  for (let at = 0; at < 120_000; at += periodMs) {
    const sample = { at, counters: { green: countersAt(at, green), blue: countersAt(at, blue) }, instances: [healthyInstance] };
    const seen = observe(progress, { kind: 'sample', sample }, rules);
    progress = seen.progress;
    if (seen.verdict.kind !== 'continue') return seen.verdict;
  }
  throw new Error('the watch did not end');
}

const silent: Life = { answered: 0 };

test('with nothing to compare with, requests that clients left unanswered never pass silently (I1)', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    expect(simulate(seed, hanging(0.9), 'alone').verdict).toMatchObject({
      kind: 'inconclusive',
      because: expect.stringContaining('requests got no answer'),
    });
    expect(simulate(seed, hanging(0.1), 'alone').verdict.kind).toBe('inconclusive');
    // As many as errors are tolerated.
    expect(simulate(seed, hanging(0.04), 'alone').verdict.kind).toBe('pass');
  }
  // Also for who asks for no traffic at all, as a first release does.
  expect(simulate(1, hanging(1), 'alone', { minimumSample: 0 }).verdict.kind).toBe('inconclusive');
  // With an old slot that nobody calls there is nothing to compare with either.
  expect(simulate(1, hanging(0.9), 'compared').verdict.kind).toBe('inconclusive');
});

test('a slot that begins to hang at the end of a long watch does not pass on its good past (I1, D06)', () => {
  const world: World = { ...everything, seconds: 60, fault: { atSecond: 57, candidate: { ...normal, hangRate: 0.5 } } };
  expect(simulate(1, world, 'alone').verdict.kind).toBe('inconclusive');
});

test('clients more patient than the watch is long do not hide a slot that hangs (I1)', () => {
  for (const how of ['alone', 'compared'] as const) {
    const share = how === 'alone' ? 1 : 0.5;
    const world: World = { ...everything, share, patienceMs: 600_000, fault: { atSecond: 0, candidate: { ...normal, hangRate: 0.5 } } };
    expect(simulate(1, world, how).verdict).toMatchObject({
      kind: 'inconclusive',
      because: expect.stringContaining('requests got no answer'),
    });
  }
});

test('a broken venue that lets both slots wait is not the new version’s fault', () => {
  const world: World = { ...everything, share: 0.5, patienceMs: 600_000, both: { ...normal, hangRate: 0.5 } };
  expect(simulate(1, world).verdict.kind).toBe('pass');
});

test('with weight, traffic on the other slot, many in flight and no answer at all, nothing passes, whatever sample is asked for (I1, I16)', () => {
  const stuck: Life = { answered: 0, open: (ms) => Math.min(450, ms) };
  const [old, compared] = [{ answered: 200 }, rulesOf({ minimumSample: 100 })];
  expect(ending(stuck, old, compared)).toMatchObject({ kind: 'inconclusive', because: expect.stringContaining('0 of 100 answers seen') });
  expect(ending(stuck, old, { ...compared, minimumSample: 0 })).toMatchObject({
    kind: 'inconclusive',
    because: expect.stringContaining('450 of 450 requests got no answer'),
  });
  expect(ending(stuck, silent, { ...alone, minimumSample: 0 }).kind).toBe('inconclusive');
});

test('a limit that was declared for errors is the one for unanswered requests too (D23)', () => {
  const triggers = [{ kind: 'error-rate', above: percent(40), for: seconds(60) }] as const;
  expect(ending({ answered: 80, left: 20 }, silent, { ...alone, triggers }).kind).toBe('pass');
  expect(ending({ answered: 80, left: 20 }, silent, alone).kind).toBe('inconclusive');
});

test('clients that left the old version as often explain it: streams end when somebody closes a window', () => {
  const streams: Life = { answered: 80, left: 20, open: (ms) => ms / 500 };
  const before = { answers: 80_000, abandoned: 20_000, inFlight: 500 };
  expect(ending(streams, { answered: 0, before }, alone)).toMatchObject({
    kind: 'pass',
    because: expect.stringContaining('requests left by their clients'),
  });
  expect(ending({ answered: 30, left: 70 }, { answered: 0, before }, alone).kind).toBe('inconclusive');
});

test('requests in flight that are merely slow are explained by the latencies (Little’s law)', () => {
  // A short watch, answers after two seconds: two fifths of the requests are open at its end.
  const slow: Life = { answered: 100, latencyMs: 2_000, open: (ms) => Math.min(200, ms / 5) };
  expect(ending(slow, silent, { ...alone, for: seconds(5) }).kind).toBe('pass');
  // What was in flight before the watch began is not its own.
  expect(ending({ answered: 20, before: { inFlight: 5_000 } }, silent, alone).kind).toBe('pass');
});
