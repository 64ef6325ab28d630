import { isoTime, type Clock, type Ids } from '#kernel';
import { checkEntry, type EntryBodies, type EntryHead, type EntryType, type PendingEntry } from '#ledger';
import type { Store, Tx } from './store.ts';

/** What an entry is about and who caused it; the rest of its head is made here. */
type EntryFacts<T extends EntryType> = Pick<EntryHead, 'actorRef' | 'subject' | 'env' | 'requestId' | 'chainId'> &
  Partial<Pick<EntryHead, 'inputs' | 'outcome' | 'reasons'>> & {
    readonly body: EntryBodies[T];
    readonly id?: string;
    readonly at?: number;
  };

/** UTC with microseconds, as entries want it; the machine's clock knows milliseconds. */
export const entryTime = (epochMs: number): string => {
  const micros = Math.floor((epochMs - Math.floor(epochMs)) * 1_000);
  return `${isoTime(Math.floor(epochMs)).slice(0, -1)}${String(micros).padStart(3, '0')}Z`;
};

/**
 * A name as entries can hold it. Definitions are checked before anything is named by them; what gets here all the same, from an older row or another program's journal,
 * must be recorded under a name that is near it rather than not at all.
 */
export const entryName = (name: string): string => {
  const near = name.replaceAll(/[^A-Za-z0-9_/-]+/g, '_').slice(0, 64);
  return /^[A-Za-z0-9]/.test(near) ? near : `x${near}`.slice(0, 64);
};

/** Writes entries beside the change of state they record. */
export type Recorder = {
  readonly entry: <T extends EntryType>(type: T, facts: EntryFacts<T>) => PendingEntry;
  /** Throws when an entry is not what its type says: a state change without its entry must not commit (I7). */
  readonly append: (tx: Tx, entries: readonly PendingEntry[]) => Promise<void>;
};

/** A recorder over the store's entries. */
export function recorder({ store, clock, ids }: { readonly store: Store; readonly clock: Clock; readonly ids: Ids }): Recorder {
  return {
    entry: (type, { id, at, inputs = [], outcome = 'succeeded', reasons = [], ...rest }) =>
      ({ v: 1, id: id ?? ids.next(), at: entryTime(at ?? clock.now()), type, inputs, outcome, reasons, ...rest }) as PendingEntry,
    append: async (tx, entries) => {
      for (const entry of entries) {
        const checked = checkEntry(entry);
        if (!checked.ok) throw checked.error;
      }
      await store.entries.append(tx, entries);
    },
  };
}
