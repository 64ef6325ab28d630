import { formatCount } from '#kernel';
import { addTallies, badShare, type BothCounters, comparable, type Delta, deltaOf, leftIn, slowerThan } from './counter-delta.ts';
import { quantile } from './histogram.ts';
import type { Slot } from './ports.ts';
import { slide } from './sliding-window.ts';
import { absoluteEvidence, addEvidence, type Comparison, comparisonEvidence, evidenceOf } from './statistics.ts';
import type { Pending, RecentSlice, Tally, WatchProgress } from './watch-progress.ts';
import type { WatchRules } from './watch-rules.ts';

/** One interval for the judge: what both slots did in it, and where their counters stand after it. */
export type JudgedInterval = {
  readonly ms: number;
  readonly now: BothCounters;
  readonly from: BothCounters;
  readonly candidate: Delta;
  readonly stable: Delta;
};

/** What one interval adds to the search for hard faults. */
export type Judged = {
  readonly progress: Pick<WatchProgress, 'pending' | 'errors' | 'latency' | 'absolute' | 'recent'>;
  readonly fault?: { readonly rule: 'hard-errors' | 'hard-latency'; readonly because: string };
};

/** Chance of a false alarm of each test over a whole watch, however often it looks; together less than the 0.1 % that is promised. */
const alphas = { errors: 0.0004, latency: 0.0004, absolute: 0.0001 } as const;
/** Fewer bad answers than this convince nobody, whatever a formula says. */
const fewestErrors = 3;
/** A single stall makes a few answers slow at once. */
const fewestSlow = 5;
/** Besides being significantly worse, a new slot must fail twice as often and at least this much more often: half a percentage point. */
const leastExcess = 0.005;
/** Slow is twice the old slot's p99 and 5 ms more than it: scheduling on a busy machine moves single answers by milliseconds. */
const slowTimes = 2;
const slowMoreMicroseconds = 5_000;
/** A process that just began to serve compiles, connects and fills caches; its first answers say nothing about the rest (D16). */
const warmUpMs = 1_000;
/** The share of the new slot's answers that must be slow: its p99 then lies above the limit. */
const slowShare = 0.01;
/** Below this many answers of the old slot its p99 is only its slowest answer. */
const fewestForP99 = 100;
/** Without an old slot to compare with: more than one answer in twenty failing is nobody's normal. A higher declared limit moves this up. */
const toleratedErrors = 0.05;
/** In this last stretch an effect that began late in a watch is not yet diluted. */
const recentWindow = { lengthMs: 5_000, pieces: 10 } as const;

const none: Tally = { answers: 0, bad: 0 };

/** The share of failed requests that is tolerated where there is nothing to compare with. */
export function toleratedShare(rules: WatchRules): number {
  const declared = rules.triggers.flatMap((trigger) => (trigger.kind === 'error-rate' ? [trigger.above / 10_000] : []));
  return Math.min(0.9, Math.max(toleratedErrors, ...declared));
}

/**
 * Hard faults: act at once, on raw counts, with a bounded chance of a false alarm. Slots are compared at the same time only:
 * what hits both, a busy machine or a broken venue, is not the new version's fault.
 *
 * Compared, a request whose client left is as bad as an error: impatient clients leave both slots alike, and a slot that hangs is left more often. Alone it is no
 * hard fault, because nobody could tell a slot that hangs from clients that all left at once; it keeps the watch from passing (see unanswered.ts).
 */
export function judge(progress: WatchProgress, rules: WatchRules, interval: JudgedInterval): Judged {
  return rules.comparedWith === undefined
    ? judgeAlone(progress, rules, interval)
    : judgeBeside(progress, rules, interval, rules.comparedWith);
}

function judgeAlone(progress: WatchProgress, rules: WatchRules, interval: JudgedInterval): Judged {
  const tolerated = toleratedShare(rules);
  const { answered, requests } = interval.candidate;
  const absolute = addEvidence(progress.absolute, absoluteEvidence(answered, tolerated), { share: shareOf(interval.ms, rules) });
  const recent = remember(progress.recent, {
    ms: interval.ms,
    candidate: requests,
    stable: none,
    slowCandidate: none,
    slowStable: none,
    leftCandidate: leftIn(interval.candidate),
  });
  const next = { pending: progress.pending, errors: progress.errors, latency: progress.latency, absolute, recent };
  if (evidenceOf(absolute) < 1 / alphas.absolute) return { progress: next };
  const since = deltaOf(interval.now[rules.candidate], interval.from[rules.candidate]).answered;
  const seen = [since, ...endings(recent).map(answeredIn)].find((tally) => tally.bad >= fewestErrors && badShare(tally) > tolerated);
  if (seen === undefined) return { progress: next };
  return {
    progress: next,
    fault: { rule: 'hard-errors', because: `errors ${shown(seen)}, tolerated ${percentOf(tolerated)} (false alarm < 0.1 %)` },
  };
}

function judgeBeside(progress: WatchProgress, rules: WatchRules, interval: JudgedInterval, beside: Slot): Judged {
  const share = shareOf(interval.ms, rules);
  const requestsNow = { candidate: comparable(interval.candidate), stable: comparable(interval.stable) };
  const limit = progress.watchedMs < warmUpMs ? undefined : slowLimit(progress, beside);
  const slowNow = (delta: Delta): Tally => (limit === undefined ? none : slowerThan(delta.latency, limit));
  const slow = { candidate: slowNow(interval.candidate), stable: slowNow(interval.stable) };
  const next = {
    ...compareErrors(progress, rules, { ms: interval.ms, ...requestsNow }),
    latency: addEvidence(progress.latency, comparisonEvidence(asBlock(slow)), { share }),
    absolute: progress.absolute,
    recent: remember(progress.recent, {
      ms: interval.ms,
      ...requestsNow,
      slowCandidate: slow.candidate,
      slowStable: slow.stable,
      leftCandidate: leftIn(interval.candidate),
      leftStable: leftIn(interval.stable),
    }),
  };
  const enough = {
    errors: evidenceOf(next.errors) >= 1 / alphas.errors,
    slow: limit !== undefined && evidenceOf(next.latency) >= 1 / alphas.latency,
  };
  // Nearly every interval ends here: the rest is only for what may be a fault.
  if (!enough.errors && !enough.slow) return { progress: next };
  const since = {
    candidate: deltaOf(interval.now[rules.candidate], interval.from[rules.candidate]),
    stable: deltaOf(interval.now[beside], interval.from[beside]),
  };
  const lately = endings(next.recent);
  if (enough.errors) {
    const views = [
      { candidate: comparable(since.candidate), stable: comparable(since.stable), leftCandidate: leftIn(since.candidate) },
      ...lately,
    ];
    const seen = views.find((view) => view.candidate.bad >= fewestErrors && muchWorse(view));
    if (seen !== undefined) {
      const left = seen.leftCandidate ?? 0;
      const unanswered = left === 0 ? '' : `, ${formatCount(left)} of them left without an answer`;
      const because = `errors ${shown(seen.candidate)}${unanswered}, the old slot ${shown(seen.stable)} at the same time (false alarm < 0.1 %)`;
      return { progress: next, fault: { rule: 'hard-errors', because } };
    }
  }
  if (limit !== undefined && enough.slow) {
    const views = [slowerThan(since.candidate.latency, limit), ...lately.map((one) => one.slowCandidate)];
    const seen = views.find((view) => view.bad >= fewestSlow && badShare(view) > slowShare);
    if (seen !== undefined) return { progress: next, fault: { rule: 'hard-latency', because: describeSlow(since, seen, limit) } };
  }
  return { progress: next };
}

/**
 * Compared as soon as requests of both slots ended. When to compare may depend on how many there were, never on how they turned out: otherwise one
 * would be choosing the moment.
 */
function compareErrors(progress: WatchProgress, rules: WatchRules, now: Pending): Pick<WatchProgress, 'pending' | 'errors'> {
  const { pending } = progress;
  const block = {
    ms: pending.ms + now.ms,
    candidate: addTallies(pending.candidate, now.candidate),
    stable: addTallies(pending.stable, now.stable),
  };
  if (block.candidate.answers === 0 || block.stable.answers === 0) return { pending: block, errors: progress.errors };
  const errors = addEvidence(progress.errors, comparisonEvidence(block), { share: shareOf(block.ms, rules) });
  return { pending: { ms: 0, candidate: none, stable: none }, errors };
}

/** Judged by what was known before the interval: a limit taken from the answers it judges would break the bound on false alarms. */
function slowLimit(progress: WatchProgress, beside: Slot): number | undefined {
  if (progress.from === undefined || progress.last === undefined) return undefined;
  const { latency, answered } = deltaOf(progress.last[beside], progress.from[beside]);
  const p99 = answered.answers < fewestForP99 ? undefined : quantile(latency, 0.99);
  return p99 === undefined ? undefined : Math.max(slowTimes * p99, p99 + slowMoreMicroseconds);
}

/**
 * A stall of one process makes all its waiting answers slow at once, and stalls strike both slots alike, whatever share of the traffic each has. So the
 * unit is not the answer but the interval: which slot was slow in it, when the other was not? By chance it is the new one at most half of the time, or as
 * often as its share of the answers when that is more.
 */
function asBlock(slow: Comparison): Comparison {
  const more = slow.candidate.answers > slow.stable.answers;
  const block = (tally: Tally): Tally => ({ answers: more ? Math.max(1, tally.answers) : 1, bad: Math.min(1, tally.bad) });
  return { candidate: block(slow.candidate), stable: block(slow.stable) };
}

const shareOf = (ms: number, rules: WatchRules): number => ms / (rules.for + rules.onInconclusive.holdFor + 1);

const muchWorse = (view: { readonly candidate: Tally; readonly stable: Tally }): boolean =>
  badShare(view.candidate) >= 2 * badShare(view.stable) && badShare(view.candidate) >= badShare(view.stable) + leastExcess;

const remember = (recent: readonly RecentSlice[], slice: RecentSlice): readonly RecentSlice[] => slide(recent, slice, recentWindow, merged);

/** The last slice, the last two, and so on: the size of an effect shows wherever it began. */
const endings = (recent: readonly RecentSlice[]): readonly RecentSlice[] =>
  recent.map((_, at) => recent.slice(at).reduce(merged)).toReversed();

const merged = (a: RecentSlice, b: RecentSlice): RecentSlice => ({
  ms: a.ms + b.ms,
  candidate: addTallies(a.candidate, b.candidate),
  stable: addTallies(a.stable, b.stable),
  slowCandidate: addTallies(a.slowCandidate, b.slowCandidate),
  slowStable: addTallies(a.slowStable, b.slowStable),
  leftCandidate: (a.leftCandidate ?? 0) + (b.leftCandidate ?? 0),
  leftStable: (a.leftStable ?? 0) + (b.leftStable ?? 0),
});

/** The errors among what was answered, without the requests that clients left. */
const answeredIn = ({ candidate, leftCandidate = 0 }: RecentSlice): Tally => ({
  answers: candidate.answers - leftCandidate,
  bad: candidate.bad - leftCandidate,
});

function describeSlow(since: { readonly candidate: Delta; readonly stable: Delta }, seen: Tally, limit: number): string {
  const [p99, old] = [quantile(since.candidate.latency, 0.99), quantile(since.stable.latency, 0.99)];
  if (p99 !== undefined && old !== undefined && p99 >= slowTimes * Math.max(1, old)) {
    const times = p99 / Math.max(1, old);
    return `p99 ${times < 10 ? times.toFixed(1) : Math.round(times)} x the old slot (${formatCount(since.candidate.answered.answers)} answers, false alarm < 0.1 %)`;
  }
  return `${formatCount(seen.bad)} of the last ${formatCount(seen.answers)} answers took longer than ${(limit / 1_000).toFixed(1)} ms, which hardly any of the old slot do (false alarm < 0.1 %)`;
}

const shown = (tally: Tally): string => `${percentOf(badShare(tally))} (${formatCount(tally.bad)} of ${formatCount(tally.answers)})`;
const percentOf = (share: number): string => `${(share * 100).toFixed(2)} %`;
