import { err, isoTime, ok, toBase64, type Clock, type Result, type SluiceError } from '#kernel';
import { CHECKPOINT_PATH, emptyRoot, integrate, openCheckpoint, pathsOf, resumeLog, type LogState, type TreeHead } from '#ledger';
import type { LedgerFolder, LogKeys } from './ports.ts';
import type { Store } from './store.ts';
import { readStoredLog } from './stored-log.ts';

/** A batch costs one signature and one synced transaction however large it is; this many entries are about 3 MB of tiles and bundles. */
const BATCH = 4_096;
/** Notifications wake the sequencer; this is for one that was lost. */
const LOOK_EVERY_MS = 500;

/** How a turn as the sequencer ended. */
export type SequencerEnd =
  | { readonly kind: 'not-ours' }
  | { readonly kind: 'stopped' }
  /** The lease was taken from us, or the database went away: nothing was signed that is not stored. */
  | { readonly kind: 'lost' }
  /** What is stored is not what was signed: a person must look before anything is signed again. */
  | { readonly kind: 'refused'; readonly error: SluiceError };

export type SequencerPorts = {
  readonly store: Store;
  readonly keys: LogKeys;
  readonly ledgerFolder: LedgerFolder;
  readonly clock: Clock;
};

/**
 * Gives pending entries their place in the log, for as long as it holds the lease. Order that prevents a fork: the batch is stored first, then what was signed is
 * noted elsewhere, then the files are exported. A crash between them leaves the database ahead, which the next start accepts; a database that is behind
 * what was signed (a restored backup) is refused.
 */
export async function sequence(ports: SequencerPorts, holder: string, signal: AbortSignal): Promise<SequencerEnd> {
  await using lease = await ports.store.log.takeSequencer(holder);
  if (lease === undefined) return { kind: 'not-ours' };
  const found = await resume(ports);
  if (!found.ok) return { kind: 'refused', error: found.error };
  let { state, head } = found.value;
  await catchUp(ports);
  while (!signal.aborted) {
    const pending = await lease.pending(BATCH);
    if (pending.length === 0) {
      await lease.appended(LOOK_EVERY_MS, signal);
      continue;
    }
    const integrated = integrate(state, pending, { lastSigned: head, signers: ports.keys.signers });
    if (!integrated.ok) return { kind: 'refused', error: integrated.error };
    const { checkpoint, files, superseded, entries } = integrated.value;
    const stored = await lease.commit({
      numbered: entries.map(({ id, seq }) => ({ id, number: seq })),
      files,
      superseded,
      checkpoint: { size: checkpoint.size, root: toBase64(checkpoint.root), note: checkpoint.note, signedAt: isoTime(ports.clock.now()) },
    });
    if (stored === 'stale') return { kind: 'lost' };
    ({ state } = integrated.value);
    head = { size: checkpoint.size, root: checkpoint.root };
    await ports.ledgerFolder.noteSigned(head);
    await ports.ledgerFolder.write(files, checkpoint.note, superseded);
  }
  return { kind: 'stopped' };
}

/** The log's right edge as the database has it, if that continues what was signed. */
async function resume({
  store,
  keys,
  ledgerFolder: folder,
}: SequencerPorts): Promise<Result<{ readonly state: LogState; readonly head: TreeHead }, SluiceError>> {
  const lastSigned = await folder.lastSigned();
  if (!lastSigned.ok) return lastSigned;
  const checkpoint = await store.transaction((tx) => store.log.checkpoint(tx));
  const known = new Map<string, Uint8Array | undefined>();
  if (checkpoint !== undefined) known.set(CHECKPOINT_PATH, new TextEncoder().encode(checkpoint.note));
  const state = await readStoredLog(store, known, (reader) =>
    // A log without a checkpoint is an empty one, and needs no look at the database.
    resumeLog(
      { read: (path) => (path === CHECKPOINT_PATH ? known.get(path) : reader.read(path)) },
      { origin: keys.origin, keys: keys.verifiers, lastSigned: lastSigned.value },
    ),
  );
  if (!state.ok) return state;
  const note = known.get(CHECKPOINT_PATH);
  if (note === undefined) return ok({ state: state.value, head: { size: 0, root: emptyRoot() } });
  const opened = openCheckpoint(note, keys.verifiers);
  return opened.ok ? ok({ state: state.value, head: { size: opened.value.size, root: opened.value.root } }) : err(opened.error);
}

/** Full files are 256 entries each; this many at once stay below 100 MB. */
const FILES_AT_ONCE = 512;

/** Writes what the folder lacks: another engine may have held the lease until now, or this one was killed before its last export. */
async function catchUp({ store, ledgerFolder: folder }: SequencerPorts): Promise<void> {
  const checkpoint = await store.transaction((tx) => store.log.checkpoint(tx));
  if (checkpoint === undefined) return;
  const missing = await folder.missing(pathsOf(checkpoint.size));
  for (let at = 0; at < missing.length; at += FILES_AT_ONCE) {
    const files = await store.transaction((tx) => store.log.files(tx, missing.slice(at, at + FILES_AT_ONCE)));
    await folder.write(files, undefined, []);
  }
  await folder.write([], checkpoint.note, []);
}
