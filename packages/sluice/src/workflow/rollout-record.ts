import type { Json } from '#kernel';
import { isTerminal, type RolloutPlan, type RolloutState, type SlotOrder } from '#rollout';

/** What somebody asked of a running rollout. Commands and state are different records (D19): this one is never written by the driver. */
export type Asked =
  | { readonly kind: 'revert' | 'cancel'; readonly by: string; readonly reason: string }
  /** Stay where it is until then; `id` tells one hold from the one before it. */
  | { readonly kind: 'hold'; readonly id: string; readonly by: string; readonly reason: string; readonly until: string }
  /** Let the evidence decide again. */
  | { readonly kind: 'resume'; readonly by: string; readonly reason: string }
  /** On to the next step, from the phase that was looked at when it was asked: one that was passed meanwhile is not promoted again. */
  | { readonly kind: 'promote'; readonly by: string; readonly reason: string; readonly at: number }
  /** The next deployment, named by `by`, was let in: an old version that is only kept warm has to go. */
  | { readonly kind: 'make-room'; readonly by: string };

/** A rollout as it is stored: what was settled before it started, and where it stands. The row decides, not the process that drives it. */
export type RolloutRecord = {
  readonly id: string;
  readonly deployment: string;
  readonly environment: string;
  /** The controller that drives it; a write by any other one finds another version. */
  readonly owner?: string;
  readonly version: number;
  readonly plan: RolloutPlan;
  readonly order: SlotOrder;
  /** What the environment's definition set for the service; absent in rows of earlier versions. */
  readonly settings?: Json;
  readonly state: RolloutState;
  readonly startedAt: string;
  readonly asked?: Asked;
};

/** Whether a rollout still has something to do. */
export const isRolloutActive = (state: RolloutState): boolean => !isTerminal(state);
