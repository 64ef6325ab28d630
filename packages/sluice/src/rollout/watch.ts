import { formatCount, formatDuration } from '#kernel';
import { addTallies, badShare, beganAnew, type BothCounters, type Delta, deltaOf, leftIn, problemOfCounters } from './counter-delta.ts';
import { crashOf } from './crash.ts';
import { histogramTotal, quantile } from './histogram.ts';
import { judge, toleratedShare } from './judge.ts';
import { nobodyExcused, withoutLeavers } from './leaving.ts';
import { faultOfProbes, noProbes, type ProbeRound } from './probe-evidence.ts';
import type { InstanceStatus, Sample, SlotCounters } from './ports.ts';
import { otherSlot } from './next-command.ts';
import { instanceFault, quiet, stepTrigger } from './trigger.ts';
import { doubtAboutUnanswered } from './unanswered.ts';
import { seeUsage, unmeasured } from './usage-trigger.ts';
import type { Tally, WatchProgress } from './watch-progress.ts';
import type { WatchRules } from './watch-rules.ts';
import type { FaultRule, SlotNumbers, WatchNumbers, WatchVerdict } from './watch-verdict.ts';

/** What the reader of a metric source got: a sample, or word that there was none. `at` is monotonic milliseconds of the reader's clock. */
export type Reading =
  | { readonly kind: 'sample'; readonly sample: Sample; /** Probes since the reading before. */ readonly probes?: ProbeRound }
  | { readonly kind: 'unreadable'; readonly at: number; readonly message: string };

/** A watch after one more reading. */
export type Observed = { readonly progress: WatchProgress; readonly verdict: WatchVerdict };

/** A reader that was late by more than this many periods was asleep: what it did not see does not count as watched (I16). */
const latePeriods = 10;
/** Holding is bounded in real time, but a controller that slept must not wake up to a hold that is over before it looked. */
const longestHold = 10_000;
/** A source that has gone stale shows the same counters for ever: the last answer must be younger than this, or than a tenth of the watch. */
const freshWithin = 5_000;

/**
 * One reading of a watch. It ends with a pass only when its time was really watched, its minimum sample was seen, the last answer is recent, every instance
 * is healthy, and no requests were left unanswered that nothing explains (I1, I16). What cannot be read or trusted never counts in favour: exposure holds, for a
 * bounded time, then the policy applies (D14, D15).
 */
export function observe(progress: WatchProgress, reading: Reading, rules: WatchRules): Observed {
  const observed = look(progress, reading, rules);
  const { verdict } = observed;
  const crash = reading.kind === 'sample' ? crashOf(reading.sample.instances) : undefined;
  // What an instance died of says more than the share of requests that noticed.
  if (crash === undefined || (verdict.kind !== 'fail' && verdict.kind !== 'inconclusive')) return observed;
  return { ...observed, verdict: { ...verdict, crash } };
}

function look(progress: WatchProgress, reading: Reading, rules: WatchRules): Observed {
  const at = reading.kind === 'sample' ? reading.sample.at : reading.at;
  const elapsed = progress.lastAt === undefined ? 0 : at - progress.lastAt;
  // Delivered late, twice, or with a time that is none: it cannot be put in order, so it says nothing.
  if (!Number.isFinite(at) || elapsed < 0 || (elapsed === 0 && progress.lastAt !== undefined)) {
    return { progress, verdict: { kind: 'continue', doubt: 'a sample came late or twice' } };
  }
  if (reading.kind === 'unreadable')
    return hold(progress, rules, { at, elapsed, because: `measurements cannot be read: ${reading.message}` });
  const { counters, excused } = withoutLeavers(reading.sample.counters, progress.last, progress.excused ?? nobodyExcused);
  const sample = { ...reading.sample, counters };
  return weighed({ ...progress, excused }, { ...reading, sample }, rules, { at, elapsed, excusedBefore: progress.excused });
}

function weighed(
  progress: WatchProgress,
  { sample, probes }: Extract<Reading, { readonly kind: 'sample' }>,
  rules: WatchRules,
  {
    at,
    elapsed,
    excusedBefore = nobodyExcused,
  }: { readonly at: number; readonly elapsed: number; readonly excusedBefore: WatchProgress['excused'] },
): Observed {
  const sick = faultOfInstances(sample.instances, rules);
  if (sick !== undefined)
    return { progress: { ...progress, lastAt: at }, verdict: { kind: 'fail', ...sick, numbers: numbersOf(progress, rules) } };
  const problem = problemOfInstances(sample.instances) ?? problemOfCounters(sample.counters, progress.last);
  if (problem !== undefined)
    return hold({ ...progress, excused: excusedBefore }, rules, { at, elapsed, because: `measurements cannot be trusted: ${problem}` });
  if (progress.last === undefined || progress.from === undefined)
    return hold(begin(progress, sample.counters), rules, { at, elapsed, because: 'first sample' });
  if (beganAnew(sample.counters, progress.last)) {
    // The answers between the last sample and the restart are lost. They may have been bad: the watch is measured anew.
    return hold(begin(progress, sample.counters), rules, { at, elapsed, because: 'counters began anew: the watch is measured again' });
  }
  const ms = elapsed > latePeriods * rules.samplingPeriod ? rules.samplingPeriod : elapsed;
  return weigh(progress, rules, { sample, ms, elapsed, last: progress.last, from: progress.from, probes });
}

function weigh(
  progress: WatchProgress,
  rules: WatchRules,
  seen: {
    readonly sample: Sample;
    readonly ms: number;
    readonly elapsed: number;
    readonly last: BothCounters;
    readonly from: BothCounters;
    readonly probes: ProbeRound | undefined;
  },
): Observed {
  const { sample, ms } = seen;
  const old = otherSlot(rules.candidate);
  const candidate = deltaOf(sample.counters[rules.candidate], seen.last[rules.candidate]);
  const stable = deltaOf(sample.counters[old], seen.last[old]);
  const { instances } = sample;
  const usage = seeUsage(progress.usage ?? {}, instances, seen.elapsed);
  const triggered = rules.triggers.map((trigger, at) =>
    stepTrigger(trigger, progress.triggers[at] ?? quiet, { ms, candidate, service: [candidate, stable], instances, usage }),
  );
  const probes = seen.probes === undefined ? progress.probes : addTallies(progress.probes ?? noProbes, seen.probes);
  const judged = judge(progress, rules, { ms, now: sample.counters, from: seen.from, candidate, stable });
  const counted: WatchProgress = {
    ...progress,
    ...judged.progress,
    lastAt: sample.at,
    last: sample.counters,
    samples: progress.samples + 1,
    watchedMs: progress.watchedMs + ms,
    quietMs: candidate.answered.answers > 0 || goodIn(seen.probes) > 0 ? 0 : progress.quietMs + ms,
    usage,
    ...(probes === undefined ? {} : { probes }),
    triggers: triggered.map((one) => one.progress),
    ...firstErrorOf(progress, sample.counters[rules.candidate], candidate, seen.from[rules.candidate].errors),
  };
  const at = triggered.findIndex((one) => one.fired !== undefined);
  const fired = triggered[at]?.fired;
  if (judged.fault !== undefined)
    return { progress: counted, verdict: { kind: 'fail', ...judged.fault, numbers: numbersOf(counted, rules) } };
  const trigger = rules.triggers[at];
  if (fired !== undefined && trigger !== undefined)
    return { progress: counted, verdict: { kind: 'fail', rule: trigger.kind, because: fired, numbers: numbersOf(counted, rules) } };
  const failing = probes === undefined ? undefined : faultOfProbes(probes, toleratedShare(rules), seen.probes?.wrong);
  if (failing !== undefined)
    return { progress: counted, verdict: { kind: 'fail', rule: 'probes', because: failing, numbers: numbersOf(counted, rules) } };
  if (rules.ends === 'alarm-only') return { progress: counted, verdict: { kind: 'continue' } };
  if (counted.watchedMs < rules.for) return { progress: { ...counted, heldMs: 0 }, verdict: { kind: 'continue' } };
  const numbers = numbersOf(counted, rules);
  const missing = missingEvidence(counted, rules, { numbers, instances: sample.instances });
  if (missing !== undefined) return decided({ ...counted, heldMs: progress.heldMs + Math.min(seen.elapsed, longestHold) }, rules, missing);
  const { answers, errors, abandoned } = numbers.candidate;
  const left = abandoned === undefined ? '' : `, ${formatCount(abandoned)} requests left by their clients`;
  const beside = numbers.probes === undefined ? '' : ` and ${formatCount(numbers.probes.answers)} probes (${numbers.probes.failed} failed)`;
  const because = `${formatCount(answers)} answers${beside}, ${errors} errors${left} in ${formatDuration(counted.watchedMs)}`;
  return { progress: counted, verdict: { kind: 'pass', because, numbers } };
}

/** What is still missing after the time is over; undefined when there is evidence enough. */
function missingEvidence(
  progress: WatchProgress,
  rules: WatchRules,
  seen: { readonly numbers: WatchNumbers; readonly instances: readonly InstanceStatus[] },
): string | undefined {
  const { answers } = seen.numbers.candidate;
  const probed = rules.probed ? goodIn(progress.probes) : 0;
  if (answers + probed < rules.minimumSample)
    return `${answers} of ${rules.minimumSample} answers seen${probed > 0 ? `, and ${probed} good probes` : ''}`;
  if (progress.probes !== undefined && badShare(progress.probes) > toleratedShare(rules))
    return `${progress.probes.bad} of ${progress.probes.answers} probes failed`;
  const timed = latenciesOf(progress, rules);
  // A limit that nothing was measured for has not been kept, it has not been looked at.
  if (rules.triggers.some((one) => one.kind === 'latency') && timed < rules.minimumSample)
    return `${timed} of ${rules.minimumSample} latencies seen`;
  if (rules.minimumSample > 0 && progress.quietMs > Math.max(freshWithin, rules.for / 10))
    return `no answer for ${formatDuration(progress.quietMs)}`;
  const unanswered = doubtAboutUnanswered(progress, rules);
  if (unanswered !== undefined) return unanswered;
  if (seen.instances.length !== rules.instances) return `${seen.instances.length} of ${rules.instances} instances are seen`;
  const sick = seen.instances.find((one) => one.state !== 'healthy');
  return sick === undefined ? unmeasured(rules.triggers, seen.instances) : `${sick.name} is ${sick.state}`;
}

const goodIn = (tally: Tally | undefined): number => (tally === undefined ? 0 : tally.answers - tally.bad);

const latenciesOf = ({ from, last }: WatchProgress, { candidate }: WatchRules): number =>
  from === undefined || last === undefined ? 0 : histogramTotal(deltaOf(last[candidate], from[candidate]).latency);

function hold(
  progress: WatchProgress,
  rules: WatchRules,
  why: { readonly at: number; readonly elapsed: number; readonly because: string },
): Observed {
  return decided({ ...progress, lastAt: why.at, heldMs: progress.heldMs + Math.min(why.elapsed, longestHold) }, rules, why.because);
}

/** `stay` leaves exposure where it is, watched, until evidence or a person comes; the phase's deadline bounds it. */
function decided(progress: WatchProgress, rules: WatchRules, doubt: string): Observed {
  const { holdFor, then } = rules.onInconclusive;
  if (rules.ends === 'alarm-only' || progress.heldMs < holdFor) return { progress, verdict: { kind: 'continue', doubt } };
  const because = `${doubt}; held for ${formatDuration(progress.heldMs)}`;
  if (then === 'stay') return { progress, verdict: { kind: 'continue', doubt: because } };
  return { progress, verdict: { kind: 'inconclusive', because, numbers: numbersOf(progress, rules) } };
}

/** Counts from these counters on. What tests and triggers have gathered stays: a breach does not end because a router was restarted. */
function begin(progress: WatchProgress, counters: BothCounters): WatchProgress {
  return { ...progress, from: counters, last: counters, watchedMs: 0, samples: 0, quietMs: 0 };
}

function faultOfInstances(
  instances: readonly InstanceStatus[],
  rules: WatchRules,
): { readonly rule: FaultRule; readonly because: string } | undefined {
  for (const trigger of rules.triggers) {
    const because = instanceFault(trigger, instances);
    if (because !== undefined) return { rule: trigger.kind, because };
  }
  return undefined;
}

const problemOfInstances = (instances: readonly InstanceStatus[]): string | undefined =>
  instances.every((one) => one.restarts >= 0 && one.healthFailuresInARow >= 0) ? undefined : 'restarts and health failures are not counts';

function firstErrorOf(progress: WatchProgress, now: SlotCounters, delta: Delta, errorsBefore: number): Pick<WatchProgress, 'firstErrorAt'> {
  if (progress.firstErrorAt !== undefined || delta.answered.bad === 0) return {};
  // Errors from before this watch have a first one of their own; then the last one is the nearest that is known.
  const first = errorsBefore === 0 ? now.firstErrorAt : now.lastErrorAt;
  return first === undefined ? {} : { firstErrorAt: first };
}

function numbersOf(progress: WatchProgress, rules: WatchRules): WatchNumbers {
  const of = (slot: 'blue' | 'green'): SlotNumbers => {
    if (progress.from === undefined || progress.last === undefined) return { answers: 0, errors: 0 };
    const delta = deltaOf(progress.last[slot], progress.from[slot]);
    const { answered, latency } = delta;
    const abandoned = leftIn(delta);
    const [p50, p99] = [quantile(latency, 0.5), quantile(latency, 0.99)];
    return {
      answers: progress.last[slot].answers - progress.from[slot].answers,
      errors: answered.bad,
      ...(abandoned === 0 ? {} : { abandoned }),
      ...(p50 === undefined ? {} : { p50 }),
      ...(p99 === undefined ? {} : { p99 }),
    };
  };
  return {
    watchedMs: progress.watchedMs,
    samples: progress.samples,
    candidate: of(rules.candidate),
    ...(progress.probes === undefined ? {} : { probes: { answers: progress.probes.answers, failed: progress.probes.bad } }),
    ...(rules.comparedWith === undefined ? {} : { stable: of(rules.comparedWith) }),
    ...(progress.firstErrorAt === undefined ? {} : { firstErrorAt: progress.firstErrorAt }),
  };
}
