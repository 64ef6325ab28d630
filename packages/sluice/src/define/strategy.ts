import { bytes, deepFreeze, minutes, percent, seconds, type BasisPoints, type Bytes, type Duration } from '#kernel';
import { fill } from './filled.ts';
import type { SmokeCheck } from './service.ts';

/** A condition that takes a new version back. It is judged on the new slot by itself and on the service as a whole. */
export type Trigger =
  | { readonly kind: 'error-rate'; readonly above: BasisPoints; readonly for: Duration }
  | { readonly kind: 'latency'; readonly quantile: 'p50' | 'p95' | 'p99' | 'p999'; readonly above: Duration; readonly for: Duration }
  | { readonly kind: 'health-failures'; readonly inARow: number }
  | { readonly kind: 'restarts'; readonly above: number }
  /** An instance's resident memory, in bytes. */
  | { readonly kind: 'memory'; readonly above: Bytes; readonly for: Duration }
  /** An instance uses so many times as much memory as when it was first looked at, and at least so much more. */
  | { readonly kind: 'memory-growth'; readonly times: number; readonly atLeast: Bytes; readonly for: Duration }
  /** CPU time of an instance, in percent of one CPU. */
  | { readonly kind: 'cpu'; readonly abovePercent: number; readonly for: Duration };

/** What happens when a watch cannot decide: exposure holds for `holdFor`, then this. */
export type InconclusivePolicy = { readonly holdFor: Duration; readonly then: 'revert' | 'stay' };

/** Requests of our own: so many a second to each instance of the new version, past the router. */
export type Probes = { readonly requests: readonly SmokeCheck[]; readonly perSecond: number };

/** Blue-green with canary steps: the new slot gets these shares one after the other, each watched. */
export type BlueGreen = {
  readonly kind: 'blue-green';
  readonly steps: readonly { readonly weight: BasisPoints; readonly watch: Duration }[];
  readonly triggers: readonly Trigger[];
  /** A watch needs at least this many answers of the new slot to end well (I16). */
  readonly minimumSample: number;
  readonly onInconclusive: InconclusivePolicy;
  /** Requests that the control plane sends to the new version itself, as evidence where nobody may be calling. */
  readonly probes?: Probes;
  /** How long the old slot stays warm, and watched, after the last step. */
  readonly keepWarm: Duration;
  /** How long requests and connections of the old slot may take to finish. */
  readonly drainWithin: Duration;
};

/** One step of a strategy: this share of the traffic goes to the new slot and is watched that long. */
export const step = (weight: BasisPoints, watch: Duration): BlueGreen['steps'][number] => deepFreeze({ weight, watch });

/** More than this share of the answers were errors (5xx, or none at all) for that long. */
export const errorRate = (input: { readonly above: BasisPoints; readonly for: Duration }): Trigger =>
  deepFreeze(fill<Trigger>(input, { kind: 'error-rate' }));

/** This quantile of the answer times was above the limit for that long. */
export const latency = (input: {
  readonly quantile: 'p50' | 'p95' | 'p99' | 'p999';
  readonly above: Duration;
  readonly for: Duration;
}): Trigger => deepFreeze(fill<Trigger>(input, { kind: 'latency' }));

/** So many health checks in a row failed. */
export const healthFailures = (input: { readonly inARow: number }): Trigger =>
  deepFreeze(fill<Trigger>(input, { kind: 'health-failures' }));

/** Instances were started again more often than this. */
export const restarts = (input: { readonly above: number }): Trigger => deepFreeze(fill<Trigger>(input, { kind: 'restarts' }));

/** The memory of one instance was above this for that long: `memory({ above: '1GiB', for: seconds(30) })`. */
export const memory = (input: { readonly above: string; readonly for: Duration }): Trigger =>
  deepFreeze({ kind: 'memory', above: bytes(input.above), for: input.for });

/** One instance used so many times as much memory as when it was first looked at, and at least that much more, for so long. Three times and a gibibyte more for ten seconds unless told. */
export const memoryGrowth = (input: { readonly times?: number; readonly atLeast?: string; readonly for?: Duration } = {}): Trigger =>
  deepFreeze({ kind: 'memory-growth', times: input.times ?? 3, atLeast: bytes(input.atLeast ?? '1GiB'), for: input.for ?? seconds(10) });

/** One instance used more than this share of a CPU for that long; 150 is one and a half. */
export const cpu = (input: { readonly abovePercent: number; readonly for: Duration }): Trigger =>
  deepFreeze(fill<Trigger>(input, { kind: 'cpu' }));

/**
 * Probes as declared evidence: `probes({ requests: [get('/health')], perSecond: 5 })`. They count towards `minimumSample`, are never mixed with the answers of the traffic,
 * and one in twenty that fails takes the version back. Latencies come from traffic alone.
 */
export const probes = (input: { readonly requests: readonly SmokeCheck[]; readonly perSecond?: number }): Probes =>
  deepFreeze({ requests: input.requests, perSecond: input.perSecond ?? 1 });

/**
 * Blue-green with canary steps. Unless told: 5 %, 50 % and 100 %, watched a minute each; back when more than 1 % of the answers are errors
 * for ten seconds, three health checks in a row fail, an instance restarts more than three times, or grows to three times its memory and a gibibyte more; 100 answers per watch, and back
 * when they have not come after five more minutes; the old slot stays warm for ten minutes and gets thirty seconds to drain.
 */
export const blueGreen = (input: Partial<Omit<BlueGreen, 'kind'>> = {}): BlueGreen =>
  deepFreeze(
    fill(input, {
      kind: 'blue-green',
      steps: [step(percent(5), minutes(1)), step(percent(50), minutes(1)), step(percent(100), minutes(1))],
      triggers: [errorRate({ above: percent(1), for: seconds(10) }), healthFailures({ inARow: 3 }), restarts({ above: 3 }), memoryGrowth()],
      minimumSample: 100,
      // oxlint-disable-next-line unicorn/no-thenable -- a word of the policy, never a function: awaiting it is harmless
      onInconclusive: { holdFor: minutes(5), then: 'revert' },
      keepWarm: minutes(10),
      drainWithin: seconds(30),
    }),
  );

/**
 * Blue-green in a single step that asks for no traffic: health and smoke checks alone decide. For places that nobody calls, such as a
 * staging environment before its tests; anywhere else it skips the watching that finds what tests do not see.
 */
export const withoutCanary = (
  input: Partial<Omit<BlueGreen, 'kind' | 'steps' | 'minimumSample'>> & { readonly watch?: Duration } = {},
): BlueGreen => {
  const { watch = seconds(5), ...rest } = input;
  return blueGreen({ ...rest, steps: [step(percent(100), watch)], minimumSample: 0 });
};
