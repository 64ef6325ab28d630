import { assertNever, formatBasisPoints, formatDuration } from '#kernel';
import { addTallies, badShare, type Delta, slowerThan } from './counter-delta.ts';
import type { Trigger } from './policy.ts';
import type { InstanceStatus } from './ports.ts';
import { slide } from './sliding-window.ts';
import { aboveLimit, isUsageTrigger, type UsageProgress, type UsageTrigger } from './usage-trigger.ts';
import type { Slice, Tally, TriggerProgress } from './watch-progress.ts';

/** A trigger after one more interval, and what it has to say when it fires. */
export type Triggered = { readonly progress: TriggerProgress; readonly fired?: string };

/** What happened in one interval: in the new slot, and in the whole service. */
export type Interval = {
  readonly ms: number;
  readonly candidate: Delta;
  readonly service: readonly Delta[];
  readonly instances: readonly InstanceStatus[];
  readonly usage: UsageProgress;
};

const quantiles = { p50: 0.5, p95: 0.95, p99: 0.99, p999: 0.999 } as const;

/** A trigger that has seen nothing. */
export const quiet: TriggerProgress = { window: [], breachMs: { candidate: 0, service: 0 } };

/**
 * One interval of a threshold trigger. `errors > 5 % for 2m` fires when the share of errors in a short sliding window stayed above 5 % for two minutes of
 * watched time. A request whose client left is an error here: a service whose callers all gave up has failed them. A window without answers neither adds to a breach nor ends it: silence is no proof of health.
 */
export function stepTrigger(trigger: Trigger, progress: TriggerProgress, interval: Interval): Triggered {
  if (trigger.kind === 'health-failures' || trigger.kind === 'restarts') return { progress };
  if (isUsageTrigger(trigger)) return stepUsage(trigger, progress, interval);
  const tallies = (delta: Delta): Tally =>
    trigger.kind === 'error-rate' ? delta.requests : slowerThan(delta.latency, trigger.above * 1_000);
  const slice: Slice = {
    ms: interval.ms,
    candidate: tallies(interval.candidate),
    service: interval.service.map(tallies).reduce(addTallies, { answers: 0, bad: 0 }),
  };
  const window = slide(progress.window, slice, { lengthMs: windowOf(trigger.for), pieces: 5 }, addSlices);
  const whole = window.reduce(addSlices);
  const longer = (soFar: number, tally: Tally): number =>
    tally.answers === 0 ? soFar : breaches(trigger, tally) ? soFar + interval.ms : 0;
  const breachMs = {
    candidate: longer(progress.breachMs.candidate, whole.candidate),
    service: longer(progress.breachMs.service, whole.service),
  };
  const inBreach = (scope: 'candidate' | 'service'): boolean => breaches(trigger, whole[scope]) && breachMs[scope] >= trigger.for;
  const scope = inBreach('candidate') ? 'candidate' : inBreach('service') ? 'service' : undefined;
  if (scope === undefined) return { progress: { window, breachMs } };
  return { progress: { window, breachMs }, fired: describe(trigger, whole[scope], scope) };
}

/** A limit on what instances use: above it without a break for as long as is declared. A short peak is nobody's fault. */
function stepUsage(trigger: UsageTrigger, progress: TriggerProgress, { ms, instances, usage }: Interval): Triggered {
  const above = aboveLimit(trigger, instances, usage);
  const candidate = above === undefined ? 0 : progress.breachMs.candidate + ms;
  const next = { ...progress, breachMs: { ...progress.breachMs, candidate } };
  return above !== undefined && candidate >= trigger.for ? { progress: next, fired: above } : { progress: next };
}

/** The triggers that look at instances: they count by themselves. */
export function instanceFault(trigger: Trigger, instances: readonly InstanceStatus[]): string | undefined {
  if (trigger.kind === 'health-failures') {
    const sick = instances.find((one) => one.healthFailuresInARow >= trigger.inARow);
    return sick === undefined
      ? undefined
      : `${sick.name} failed ${sick.healthFailuresInARow} health checks in a row (limit ${trigger.inARow})`;
  }
  if (trigger.kind === 'restarts') {
    const restarts = instances.reduce((sum, one) => sum + one.restarts, 0);
    return restarts > trigger.above ? `instances of the new slot were restarted ${restarts} times (limit ${trigger.above})` : undefined;
  }
  return undefined;
}

type Threshold = Extract<Trigger, { readonly kind: 'error-rate' | 'latency' }>;

/** Long enough to smooth single answers, short enough that a breach which ended is seen to have ended. */
const windowOf = (forMs: number): number => Math.min(10_000, Math.max(1_000, forMs / 4));

function breaches(trigger: Threshold, tally: Tally): boolean {
  if (tally.answers === 0) return false;
  switch (trigger.kind) {
    case 'error-rate':
      return tally.bad * 10_000 > trigger.above * tally.answers;
    case 'latency':
      // The quantile lies above the limit exactly when fewer answers than its rank were within it.
      return tally.answers - tally.bad < Math.ceil(quantiles[trigger.quantile] * tally.answers);
    default:
      return assertNever(trigger);
  }
}

function describe(trigger: Threshold, tally: Tally, scope: 'candidate' | 'service'): string {
  const where = scope === 'candidate' ? 'the new slot' : 'the whole service';
  switch (trigger.kind) {
    case 'error-rate':
      return `errors ${formatBasisPoints(Math.round(badShare(tally) * 10_000))} of ${where} (limit ${formatBasisPoints(trigger.above)} for ${formatDuration(trigger.for)})`;
    case 'latency':
      return `${trigger.quantile} of ${where} above ${formatDuration(trigger.above)} for ${formatDuration(trigger.for)} (${tally.bad} of ${tally.answers} answers were slower)`;
    default:
      return assertNever(trigger);
  }
}

const addSlices = (a: Slice, b: Slice): Slice => ({
  ms: a.ms + b.ms,
  candidate: addTallies(a.candidate, b.candidate),
  service: addTallies(a.service, b.service),
});
