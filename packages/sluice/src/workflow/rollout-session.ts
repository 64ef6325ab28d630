import type { Problem } from '#rollout';
import type { Attention } from './attention.ts';
import type { RolloutRecord } from './rollout-record.ts';

/** How a controller sees a rollout it drives: the row it last wrote, and since when it is in its state. What is not in the row is lost with the process, and may be. */
export type RolloutSession = {
  rollout: RolloutRecord;
  readonly attention: Attention;
  /** Monotonic. */
  enteredAt: number;
  /** True until this controller has told the rollout that it took over, be it from its own dead predecessor. */
  adopt: boolean;
  /** True while a watch of the rollout looks at the new version; otherwise the guard does. */
  watching: boolean;
  /** Why the rollout shall give up before anything else is tried: its turns have failed too often. */
  givesUp?: Problem;
  /** When this controller decided to go back and when the router had done so, in epoch milliseconds; unknown after a crash in between. */
  back?: { readonly decidedAt: number; readonly safeAt?: number };
};
