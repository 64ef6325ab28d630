import { formatCount } from '#kernel';
import { badShare, type Delta, deltaOf, leftIn } from './counter-delta.ts';
import { bucketUpperBound, type Histogram, histogramTotal } from './histogram.ts';
import { toleratedShare } from './judge.ts';
import { otherSlot } from './next-command.ts';
import type { Slot, SlotCounters } from './ports.ts';
import { absoluteEvidence, evidenceOf } from './statistics.ts';
import type { Tally, WatchProgress } from './watch-progress.ts';
import type { WatchRules } from './watch-rules.ts';

/** Doubt only delays: it must be convincing, but not as sure as a fault. By chance the whole watch shows this once in a hundred, and a hold looks again and again. */
const alpha = 0.01;
/** Below this many requests of the old slot its share says little about the clients of the moment. */
const fewestOfOld = 100;
/** Requests in flight vary: so many times what latencies explain is nobody's fault. */
const flightTimes = 2;

/**
 * Why requests that got no answer forbid a pass; undefined when they are few or explained. A slot that hangs leaves only its good answers in the evidence, and those
 * alone prove nothing (I1). While both slots serve, `judge` finds it as a fault. This rule stands at the end of every watch, for what that cannot see: a first
 * release, all traffic on the new slot, an old slot that nobody calls, and clients more patient than the watch is long.
 *
 * Unanswered is a request whose client left, or that was added to those in flight during the watch beyond twice what the latencies explain (Little's law).
 * Nobody can tell an impatient client from a slot that hangs, and a stream ends as a request whose client left. So the share is tested by the test that judges errors
 * without a comparison, against the errors tolerated there, a higher declared limit included, plus the share that the old slot shows: ever, or at the same time. It
 * is tested over the whole watch, and over its last stretch, in which a slot may have begun to hang.
 */
export function doubtAboutUnanswered(progress: WatchProgress, rules: WatchRules): string | undefined {
  const { from, last, recent } = progress;
  if (from === undefined || last === undefined) return undefined;
  const { candidate } = rules;
  const old = otherSlot(candidate);
  const deltas = { blue: deltaOf(last.blue, from.blue), green: deltaOf(last.green, from.green) };
  const slowest = Math.max(meanMicroseconds(deltas[candidate].latency), meanMicroseconds(last[old].latency));
  const whole = (slot: Slot): Tally => {
    const inFlight = (flightTimes * deltas[slot].answered.answers * slowest) / (1_000 * Math.max(1, progress.watchedMs));
    return withWaiting(leftOf(deltas[slot]), Math.max(0, Math.round(last[slot].inFlight - from[slot].inFlight - inFlight)));
  };
  const lately: Views = { candidate: none, stable: none };
  for (const one of recent) {
    lately.candidate = added(lately.candidate, one.candidate.answers, one.leftCandidate);
    lately.stable = added(lately.stable, one.stable.answers, one.leftStable);
  }
  const usual = toleratedShare(rules);
  const ever = badShare(sinceEver(last[old]));
  for (const view of [{ candidate: whole(candidate), stable: whole(old) }, lately]) {
    const explained = usual + Math.max(ever, view.stable.answers < fewestOfOld ? 0 : badShare(view.stable));
    const { bad, answers } = view.candidate;
    if (explained >= 1 || badShare(view.candidate) <= explained) continue;
    if (evidenceOf({ values: absoluteEvidence(view.candidate, explained), massLeft: 0 }) < 1 / alpha) continue;
    return `${formatCount(bad)} of ${formatCount(answers)} requests got no answer; ${(explained * 100).toFixed(1)} % are explained`;
  }
  return undefined;
}

type Views = { candidate: Tally; stable: Tally };

const none: Tally = { answers: 0, bad: 0 };

const added = (sum: Tally, answers: number, left = 0): Tally => ({ answers: sum.answers + answers, bad: sum.bad + left });

/** Requests, and how many of them were left by their clients. */
const leftOf = (delta: Delta): Tally => ({ answers: delta.requests.answers, bad: leftIn(delta) });

const withWaiting = (tally: Tally, waiting: number): Tally => ({ answers: tally.answers + waiting, bad: tally.bad + waiting });

/** All that a slot did since its counters began, with what is open: streams are in flight as long as somebody listens. */
const sinceEver = (now: SlotCounters): Tally =>
  withWaiting(leftOf(deltaOf(now, { ...now, answers: 0, errors: 0, abandoned: 0, latency: [] })), now.inFlight);

function meanMicroseconds(latency: Histogram): number {
  const answers = histogramTotal(latency);
  if (answers === 0) return 0;
  return latency.reduce((sum, count, bucket) => (count === 0 ? sum : sum + count * bucketUpperBound(bucket)), 0) / answers;
}
