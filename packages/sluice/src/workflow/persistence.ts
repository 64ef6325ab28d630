import { SluiceError, type Clock } from '#kernel';
import type { Store, Tx } from './store.ts';

const AGAIN_MS = 100;

/** True for an error that says the database cannot be asked now, and may be later. */
export const isAway = (error: unknown): boolean => error instanceof SluiceError && error.code === 'unavailable';

/** A transaction that waits for the database to come back. A write repeated after an unknown end finds its own version and is told `stale`. */
export const persist = <T>(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  signal: AbortSignal,
  work: (tx: Tx) => Promise<T>,
): Promise<T> => whenBack(clock, signal, () => store.transaction(work));

/** Work of several transactions, begun again until the database answers all of them. */
export async function whenBack<T>(clock: Clock, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!isAway(error)) throw error;
      await clock.sleep(AGAIN_MS, signal);
    }
  }
}
