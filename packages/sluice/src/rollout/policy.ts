import type { BasisPoints, Bytes, Duration } from '#kernel';

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

/** One request that a new version must answer as told before it gets traffic. */
export type SmokeCheck = { readonly method: 'GET'; readonly path: string; readonly status: number; readonly contains?: string };

/** Requests of our own as declared evidence, where nobody may be calling: counted apart from the traffic, and called probes wherever they are shown. */
export type Probes = { readonly requests: readonly SmokeCheck[]; readonly perSecond: number };

/** Blue-green with canary steps, as the rollout needs it. */
export type BlueGreenPolicy = {
  readonly kind: 'blue-green';
  readonly steps: readonly { readonly weight: BasisPoints; readonly watch: Duration }[];
  readonly triggers: readonly Trigger[];
  readonly minimumSample: number;
  readonly onInconclusive: { readonly holdFor: Duration; readonly then: 'revert' | 'stay' };
  /** Requests that the control plane sends to the new version itself; absent in policies from before there were any. */
  readonly probes?: Probes;
  readonly keepWarm: Duration;
  readonly drainWithin: Duration;
};
