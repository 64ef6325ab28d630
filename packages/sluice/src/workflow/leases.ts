import type { Clock } from '#kernel';
import { isAway } from './persistence.ts';
import type { Store } from './store.ts';

/** An engine says that it lives this often. */
const BEAT_MS = 500;
/** An engine that said nothing for so long, by the watcher's own monotonic clock, is dead: five beats, enough for a busy machine. */
const DEAD_AFTER_MS = 2_500;

export type LeaseOptions = {
  readonly store: Store;
  readonly clock: Clock;
  readonly executor: string;
  readonly signal: AbortSignal;
  readonly warn: (message: string) => void;
  /** Others have declared us dead: everything that runs here must stop, whatever it believes. */
  readonly onLost: () => Promise<void>;
  /** An engine is dead and this one won the right to its work. */
  readonly onDead: (executor: string) => Promise<void>;
};

type Seen = { readonly beat: number; readonly since: number };

/**
 * Says that this engine lives, and watches the others. No two clocks are ever compared: each watcher measures on its own how long a beat has not changed.
 * Of several that see one engine dead the row lets one win. A database that is away stops everybody's beats alike, so it kills nobody: the watch begins anew.
 */
export async function keepLease({ store, clock, executor, signal, warn, onLost, onDead }: LeaseOptions): Promise<void> {
  let seen = new Map<string, Seen>();
  while (!signal.aborted) {
    try {
      const alive = await store.transaction((tx) => store.leases.beat(tx, executor));
      if (!alive) {
        await onLost();
        await store.transaction((tx) => store.leases.begin(tx, executor));
      }
      const rows = await store.transaction((tx) => store.leases.list(tx));
      const now = clock.monotonic();
      seen = new Map(
        rows.filter((row) => row.executor !== executor).map((row) => [row.executor, newer(seen.get(row.executor), row.beat, now)]),
      );
      for (const [other, { beat, since }] of seen) {
        if (now - since < DEAD_AFTER_MS) continue;
        const won = await store.transaction(async (tx) => {
          const removed = await store.leases.remove(tx, other, beat);
          if (removed) await store.log.evictSequencer(tx, other);
          return removed;
        });
        if (won) await onDead(other);
      }
    } catch (error) {
      // Whatever it was, an engine that runs goes on saying so.
      if (!isAway(error) && !signal.aborted) warn(`lease: ${error instanceof Error ? error.message : String(error)}`);
      seen = new Map();
    }
    await clock.sleep(BEAT_MS, signal).catch(() => undefined);
  }
}

const newer = (before: Seen | undefined, beat: number, now: number): Seen => (before?.beat === beat ? before : { beat, since: now });
