import { type Duration, milliseconds } from '#kernel';
import { phaseAt } from './next-command.ts';
import type { Trigger } from './policy.ts';
import type { Slot } from './ports.ts';
import type { RolloutPlan } from './rollout-plan.ts';

/** What one watch judges by. */
export type WatchRules = {
  /** `evidence`: ends with a pass once time and sample suffice. `alarm-only`: beside another phase; only a fault ends it. */
  readonly ends: 'evidence' | 'alarm-only';
  readonly for: Duration;
  readonly minimumSample: number;
  readonly triggers: readonly Trigger[];
  /** Whether answers to requests of our own count towards the sample. */
  readonly probed: boolean;
  readonly onInconclusive: { readonly holdFor: Duration; readonly then: 'revert' | 'stay' };
  readonly candidate: Slot;
  /** How many instances the new slot must show. */
  readonly instances: number;
  /** The slot to compare with; absent when it gets no traffic at the same time, and then only absolute limits hold. */
  readonly comparedWith?: Slot;
  /** How often the reader samples. A longer silence does not count as watched. */
  readonly samplingPeriod: Duration;
};

/** How often a watch samples by itself: a fault that shows in every answer is then found within a few tenths of a second. */
export const usualSamplingPeriod = milliseconds(50);

/** The rules of the watch that runs in or beside phase `at`. */
export function watchRules(
  plan: RolloutPlan,
  at: number,
  samplingPeriod: Duration = usualSamplingPeriod,
  held: 'held' | 'free' = 'free',
): WatchRules {
  const phase = phaseAt(plan, at);
  const { policy, candidate, stable } = plan;
  const watching = phase.kind === 'watch' || phase.kind === 'keep-warm';
  const split = phase.kind === 'watch' && phase.weight < 10_000;
  return {
    // Under a hold a watch can only raise the alarm.
    ends: watching && held === 'free' ? 'evidence' : 'alarm-only',
    for: watching ? phase.for : phase.deadline,
    // Nothing is replaced by a first release and often nobody calls it yet: its health is the evidence.
    minimumSample: stable === undefined ? 0 : policy.minimumSample,
    triggers: policy.triggers,
    probed: policy.probes !== undefined,
    onInconclusive: policy.onInconclusive,
    candidate,
    instances: plan.instances,
    ...(split && stable !== undefined ? { comparedWith: stable.slot } : {}),
    samplingPeriod,
  };
}
