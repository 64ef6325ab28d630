import type { BasisPoints, Duration } from '#kernel';

/** A condition that takes a new version back. It is judged on the new slot by itself and on the service as a whole. */
export type Trigger =
  | { readonly kind: 'error-rate'; readonly above: BasisPoints; readonly for: Duration }
  | { readonly kind: 'latency'; readonly quantile: 'p50' | 'p95' | 'p99' | 'p999'; readonly above: Duration; readonly for: Duration }
  | { readonly kind: 'health-failures'; readonly inARow: number }
  | { readonly kind: 'restarts'; readonly above: number };

/** One request that a new version must answer as told before it gets traffic. */
export type SmokeCheck = { readonly method: 'GET'; readonly path: string; readonly status: number; readonly contains?: string };

/** Blue-green with canary steps, as the rollout needs it. */
export type BlueGreenPolicy = {
  readonly kind: 'blue-green';
  readonly steps: readonly { readonly weight: BasisPoints; readonly watch: Duration }[];
  readonly triggers: readonly Trigger[];
  readonly minimumSample: number;
  readonly onInconclusive: { readonly holdFor: Duration; readonly then: 'revert' | 'stay' };
  readonly keepWarm: Duration;
  readonly drainWithin: Duration;
};
