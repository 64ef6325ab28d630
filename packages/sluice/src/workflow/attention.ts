import type { RolloutState } from '#rollout';
import type { DriverContext } from './driver-context.ts';
import type { Asked, RolloutRecord } from './rollout-record.ts';

/** What a person asks must be heard within a moment that feels immediate; a hard fault does not come this way. */
const LOOK_MS = 300;

/** The rollout belongs to another controller now: this one stops, having done nothing it must undo. */
export class LostRollout extends Error {
  override readonly name = 'LostRollout';
}

/**
 * The side of a driver that looks at the row while an effect runs: it hears what people ask, finds out when another controller has taken over, and keeps how
 * far a watch has come. None of this may delay the effect, so a database that is away is no error here.
 */
export type Attention = AsyncDisposable & {
  readonly chainId: string;
  readonly signal: AbortSignal;
  readonly asked: () => Asked | undefined;
  /** Saves a state without waiting; a save that is under way makes this one wait for the next. */
  readonly keep: (state: RolloutState) => void;
  /** Waits for a save under way; the row as it is stored then. */
  readonly quiet: () => Promise<RolloutRecord>;
  readonly wrote: (rollout: RolloutRecord) => void;
  /** After a write was refused as stale: the row, when it was our own earlier write whose answer got lost; else the rollout is lost. */
  readonly reread: () => Promise<RolloutRecord>;
  /** Makes sure that the rollout is still ours, right before an effect that no epoch fences. */
  readonly confirm: () => Promise<void>;
};

/** Begins to look after a rollout that this controller has just claimed. */
export function attend(context: DriverContext, claimed: RolloutRecord, chainId: string): Attention {
  const { store, clock, executor } = context;
  const ending = new AbortController();
  const signal = AbortSignal.any([context.signal, ending.signal]);
  let stored = claimed;
  let asked = claimed.asked;
  let saving: Promise<void> | undefined;

  const lost = (): LostRollout => {
    const error = new LostRollout(`rollout ${claimed.id} is driven by another controller now`);
    ending.abort(error);
    return error;
  };
  const save = async (state: RolloutState): Promise<void> => {
    const written = await store.transaction((tx) => store.rollouts.update(tx, stored, { state, owner: executor }));
    stored = written === 'stale' ? await reread() : written;
  };
  const reread = async (): Promise<RolloutRecord> => {
    const seen = await context.persist(signal, (tx) => store.rollouts.get(tx, claimed.id));
    if (seen?.owner !== executor) throw lost();
    return seen;
  };
  const look = async (): Promise<void> => {
    while (!signal.aborted) {
      const seen = await store.transaction((tx) => store.rollouts.get(tx, claimed.id)).catch(() => undefined);
      if (seen?.asked !== undefined) ({ asked } = seen);
      if (seen?.owner !== undefined && seen.owner !== executor) lost();
      await clock.sleep(LOOK_MS, signal).catch(() => undefined);
    }
  };
  const looking = look();
  return {
    chainId,
    signal,
    asked: () => asked,
    keep: (state) => {
      saving ??= save(state)
        .catch(() => undefined)
        .finally(() => {
          saving = undefined;
        });
    },
    quiet: async () => {
      await saving;
      signal.throwIfAborted();
      return stored;
    },
    wrote: (rollout) => {
      stored = rollout;
    },
    reread,
    confirm: async () => {
      await reread();
    },
    [Symbol.asyncDispose]: async () => {
      ending.abort(new LostRollout('done'));
      await saving;
      await looking;
    },
  };
}
