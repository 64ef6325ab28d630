import { err, HASH_BYTES, ok, type Result, SluiceError } from '#kernel';
import { openCheckpoint, signCheckpoint } from './checkpoint.ts';
import { encodeEntry } from './entry-codec.ts';
import type { PendingEntry } from './entry.ts';
import { emptyRoot, rootOf, sameHash, type TreeHead } from './merkle.ts';
import type { NoteSigner, VerifierKey } from './note.ts';
import {
  bundleEntries,
  bundlePath,
  CHECKPOINT_PATH,
  encodeBundle,
  type LogFile,
  type LogReader,
  MissingFile,
  readTile,
  tileNodes,
  tilePath,
} from './tiles.ts';
import { type HashTile, TILE_WIDTH, TreeEdge } from './tree-edge.ts';

/** All that appending needs to know of a log: its size, the tiles and the bundle at its right edge. */
export type LogState = {
  readonly origin: string;
  readonly size: number;
  readonly edge: readonly HashTile[];
  /** The entries of the bundle that is not full. */
  readonly bundle: readonly Uint8Array[];
};

/** An entry with its place and its leaf bytes. */
export type IntegratedEntry = { readonly seq: number; readonly id: string; readonly bytes: Uint8Array };

/** What one batch adds. Write `files` in their order, each synced, then `checkpoint` by atomic rename: a reader then never sees a checkpoint whose tiles are missing. */
export type Integration = {
  readonly state: LogState;
  readonly entries: readonly IntegratedEntry[];
  readonly files: readonly LogFile[];
  readonly checkpoint: TreeHead & { readonly note: string; readonly path: typeof CHECKPOINT_PATH };
  /** Partial files of the size before, which this batch made obsolete; keep them for as long as somebody may read by the checkpoint before. */
  readonly superseded: readonly string[];
};

/** A log without entries. */
export const emptyLog = (origin: string): LogState => ({ origin, size: 0, edge: [], bundle: [] });

/**
 * Gives each pending entry the next index, in their order, and signs the new size and root. Refuses when the state is not what was last signed:
 * a log that signs two histories is worthless, so it stops instead (`lastSigned` is kept apart from the log, undefined before the first signature).
 */
export function integrate(
  state: LogState,
  pending: readonly PendingEntry[],
  { lastSigned, signers }: { readonly lastSigned: TreeHead | undefined; readonly signers: readonly NoteSigner[] },
): Result<Integration, SluiceError> {
  const files: LogFile[] = [];
  const edge = TreeEdge.from(state.size, state.edge, ({ level, index, hashes }) => {
    files.push({ path: tilePath(level, index, TILE_WIDTH), bytes: hashes });
  });
  const root = edge.root();
  const signed = lastSigned ?? { size: 0, root: emptyRoot() };
  if (signed.size !== state.size || !sameHash(signed.root, root)) return err(notWhatWasSigned(signed.size, state.size));

  const entries: IntegratedEntry[] = [];
  const bundles: LogFile[] = [];
  let bundle = [...state.bundle];
  for (const item of pending) {
    const seq = edge.size;
    const bytes = encodeEntry(item, seq);
    if (!bytes.ok) return bytes;
    edge.append(bytes.value);
    entries.push({ seq, id: item.id, bytes: bytes.value });
    bundle.push(bytes.value);
    if (bundle.length < TILE_WIDTH) continue;
    bundles.push({ path: bundlePath(Math.floor(seq / TILE_WIDTH), TILE_WIDTH), bytes: encodeBundle(bundle) });
    bundle = [];
  }

  const next: LogState = { origin: state.origin, size: edge.size, edge: edge.partialTiles(), bundle };
  const before = new Set(partialPaths(state));
  const written = partialFiles(next).filter((file) => !before.has(file.path));
  const after = new Set(partialPaths(next));
  const head = { size: edge.size, root: edge.root() };
  const note = signCheckpoint({ origin: state.origin, ...head }, signers);
  return ok({
    state: next,
    entries,
    files: [...bundles, ...files, ...written],
    checkpoint: { ...head, note, path: CHECKPOINT_PATH },
    superseded: [...before].filter((path) => !after.has(path)),
  });
}

/**
 * Finds the right edge of a stored log again, and refuses to continue one that does not agree with its own checkpoint, or with what was last signed:
 * the sign of a database restored from a backup, or of a second writer.
 */
export function resumeLog(
  reader: LogReader,
  known: { readonly origin: string; readonly keys: readonly VerifierKey[]; readonly lastSigned: TreeHead | undefined },
): Result<LogState, SluiceError> {
  const note = reader.read(CHECKPOINT_PATH);
  if (note === undefined) {
    return known.lastSigned === undefined || known.lastSigned.size === 0
      ? ok(emptyLog(known.origin))
      : err(notWhatWasSigned(known.lastSigned.size, 0));
  }
  const checkpoint = openCheckpoint(note, known.keys);
  if (!checkpoint.ok) return checkpoint;
  const { origin, size, root } = checkpoint.value;
  if (origin !== known.origin) return err(damaged(`its checkpoint is of the log "${origin}", not of "${known.origin}"`));
  try {
    const state = edgeOf(reader, origin, size);
    if (state === undefined) return err(damaged('the entry bundle at its end is not whole'));
    if (!sameHash(TreeEdge.from(size, state.edge).root(), root)) return err(damaged('its tiles do not give the root of its checkpoint'));
    const { lastSigned } = known;
    if (lastSigned === undefined) return ok(state);
    if (lastSigned.size > size || !sameHash(rootOf(lastSigned.size, tileNodes(reader, size)), lastSigned.root)) {
      return err(notWhatWasSigned(lastSigned.size, size));
    }
    return ok(state);
  } catch (thrown) {
    if (thrown instanceof MissingFile) return err(damaged(thrown.message));
    throw thrown;
  }
}

function edgeOf(reader: LogReader, origin: string, size: number): LogState | undefined {
  const edge: HashTile[] = [];
  for (let level = 0, count = size; count > 0; level += 1, count = Math.floor(count / TILE_WIDTH)) {
    const width = count % TILE_WIDTH;
    const index = Math.floor(count / TILE_WIDTH);
    if (width > 0) edge.push({ level, index, hashes: readTile(reader, level, index, width) });
  }
  const width = size % TILE_WIDTH;
  if (width === 0) return { origin, size, edge, bundle: [] };
  const path = bundlePath(Math.floor(size / TILE_WIDTH), width);
  const bytes = reader.read(path);
  if (bytes === undefined) throw new MissingFile(path, 'there is no such file');
  const spans = bundleEntries(bytes);
  return spans?.length === width ? { origin, size, edge, bundle: spans.map(([from, to]) => bytes.slice(from, to)) } : undefined;
}

function partialFiles({ size, edge, bundle }: LogState): readonly LogFile[] {
  const tiles = edge.map(({ level, index, hashes }) => ({ path: tilePath(level, index, hashes.length / HASH_BYTES), bytes: hashes }));
  return bundle.length === 0
    ? tiles
    : [{ path: bundlePath(Math.floor(size / TILE_WIDTH), bundle.length), bytes: encodeBundle(bundle) }, ...tiles];
}

function partialPaths({ size, edge, bundle }: LogState): readonly string[] {
  const tiles = edge.map(({ level, index, hashes }) => tilePath(level, index, hashes.length / HASH_BYTES));
  return bundle.length === 0 ? tiles : [bundlePath(Math.floor(size / TILE_WIDTH), bundle.length), ...tiles];
}

const damaged = (fact: string): SluiceError =>
  new SluiceError('verificationFailed', `ledger: ${fact}`, {
    hint: 'nothing is appended to it; restore the newest copy and run sluice ledger verify',
  });

const notWhatWasSigned = (signed: number, stored: number): SluiceError =>
  new SluiceError(
    'verificationFailed',
    `ledger: signed with ${signed} entries, but what is stored (${stored} entries) does not continue that history`,
    {
      details: { signed, stored },
      hint: 'nothing is appended to it: was an old backup restored, or is another writer at work?',
    },
  );
