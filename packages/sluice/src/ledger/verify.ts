import { HASH_BYTES } from '#kernel';
import { openCheckpoint, type SignedCheckpoint } from './checkpoint.ts';
import { isUnknownKind, parseEntry } from './entry-codec.ts';
import type { Entry } from './entry.ts';
import { emptyRoot, sameHash } from './merkle.ts';
import type { VerifierKey } from './note.ts';
import { bundleEntries, bundlePath, CHECKPOINT_PATH, type LogReader, rows, tilePath } from './tiles.ts';
import { type HashTile, TILE_WIDTH, TreeEdge } from './tree-edge.ts';

/** How a verification can end, with the exit code of `sluice ledger verify`. Public: never renumbered. */
export const verificationCodes = {
  ok: 0,
  /** An entry or a tile is not what was signed. */
  altered: 10,
  /** Shorter than a checkpoint says that is known. */
  truncated: 11,
  /** Whole in itself, but not the history that was signed, or another log. */
  inconsistent: 12,
  /** Not signed by a known key. */
  signature: 13,
  /** An earlier checkpoint from elsewhere was required and is missing or too old. */
  anchor: 14,
  unreadable: 20,
} as const;

/** What is known of a log without the log: where it came from, its keys, and checkpoints that were kept elsewhere. */
export type KnownLog = {
  readonly origin: string;
  readonly keys: readonly VerifierKey[];
  /** Signed checkpoints kept out of reach of who keeps the log. Without one, truncation to an older checkpoint cannot be seen. */
  readonly earlier: readonly Uint8Array[];
  readonly anchor: AnchorPolicy;
};

/** Whether an earlier checkpoint must be given, and how old the newest entry under it may be. */
export type AnchorPolicy = { readonly kind: 'optional' } | { readonly kind: 'required'; readonly withinMs: number; readonly now: number };

/** The outcome of a verification, in words for people. */
export type Verification =
  | { readonly kind: 'ok'; readonly checkpoint: SignedCheckpoint }
  | { readonly kind: Exclude<keyof typeof verificationCodes, 'ok'>; readonly because: string };

type Failure = Exclude<Verification, { readonly kind: 'ok' }>;

/** Verifies a log offline from its files alone: recomputes every hash from the entries and believes nothing that is stored beside them. */
export function verifyLog(reader: LogReader, known: KnownLog, onEntry: (entry: Entry) => void = () => {}): Verification {
  try {
    return verified(reader, known, onEntry);
  } catch (thrown) {
    return failed('unreadable', `could not read: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}

function verified(reader: LogReader, known: KnownLog, onEntry: (entry: Entry) => void): Verification {
  const note = reader.read(CHECKPOINT_PATH);
  if (note === undefined) return failed('unreadable', 'the log has no checkpoint file');
  const checkpoint = openCheckpoint(note, known.keys);
  if (!checkpoint.ok) return failed('signature', `checkpoint: ${checkpoint.error.message}`);
  const { origin, size, root } = checkpoint.value;
  if (origin !== known.origin) return failed('inconsistent', `the checkpoint is of the log "${origin}", not of "${known.origin}"`);

  const earlier: SignedCheckpoint[] = [];
  for (const kept of known.earlier) {
    const opened = openCheckpoint(kept, known.keys);
    if (!opened.ok) return failed('signature', `earlier checkpoint: ${opened.error.message}`);
    if (opened.value.origin !== origin) return failed('inconsistent', `an earlier checkpoint is of the log "${opened.value.origin}"`);
    if (opened.value.size > size)
      return failed('truncated', `the log has ${size} entries, an earlier checkpoint says ${opened.value.size}`);
    earlier.push(opened.value);
  }
  if (known.anchor.kind === 'required' && earlier.length === 0) return failed('anchor', 'no earlier checkpoint from elsewhere was given');

  const scan = new Scan(reader, earlier);
  const cut = scan.entries(size, known.anchor, onEntry);
  if (cut !== undefined) return cut;
  const failure = scan.judge(root, size);
  return failure ?? scan.anchorFailure(known.anchor) ?? { kind: 'ok', checkpoint: checkpoint.value };
}

type Bundle = { readonly bytes: Uint8Array; readonly spans: readonly (readonly [from: number, to: number])[] };

const failed = (kind: Failure['kind'], because: string): Failure => ({ kind, because });

/** One pass over the entries; what does not fit is remembered, because only the root at the end says whether an entry or a tile was altered. */
class Scan {
  readonly #reader: LogReader;
  readonly #earlier: readonly SignedCheckpoint[];
  readonly #edge = new TreeEdge((tile) => this.#compare(tile));
  readonly #ids = new Set<string>();
  #wrongTile: { readonly path: string; readonly entry: number | undefined } | undefined;
  #wrongEntry: Failure | undefined;
  #wrongHistory: Failure | undefined;
  /** When the newest entry under an earlier checkpoint happened. */
  #anchoredAt: string | undefined;

  constructor(reader: LogReader, earlier: readonly SignedCheckpoint[]) {
    this.#reader = reader;
    this.#earlier = earlier;
  }

  entries(size: number, anchor: AnchorPolicy, onEntry: (entry: Entry) => void): Failure | undefined {
    const marks = new Set(this.#earlier.map((checkpoint) => checkpoint.size));
    if (marks.has(0)) this.#mark();
    for (const [index, width] of rows(size)) {
      const bundle = this.#bundle(index, width, size);
      if (!('bytes' in bundle)) return bundle;
      const { bytes, spans } = bundle;
      const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (const [from, to] of spans) {
        const entry = this.#entry(view, from, to);
        this.#edge.append(bytes, from, to);
        if (marks.has(this.#edge.size)) this.#mark(anchor, entry?.at);
        if (entry !== undefined) onEntry(entry);
      }
    }
    for (const tile of this.#edge.partialTiles()) this.#compare(tile);
    return undefined;
  }

  judge(root: Uint8Array, size: number): Failure | undefined {
    const sound = sameHash(size === 0 ? emptyRoot() : this.#edge.root(), root);
    const tile = this.#wrongTile;
    if (tile !== undefined) {
      const entry = tile.entry === undefined ? 'the entries' : `entry ${tile.entry}`;
      return failed(
        'altered',
        sound
          ? `${tile.path} was altered; the entries are as signed`
          : `${entry} and ${tile.path} do not fit: altered, dropped, repeated or moved`,
      );
    }
    if (!sound)
      return failed(
        'inconsistent',
        `the entries and tiles agree, but give another root than the ${size} entries that were signed: history was rewritten`,
      );
    return this.#wrongHistory ?? this.#wrongEntry;
  }

  anchorFailure(anchor: AnchorPolicy): Failure | undefined {
    if (anchor.kind === 'optional') return undefined;
    const age = anchor.now - Date.parse(this.#anchoredAt ?? '1970-01-01T00:00:00Z');
    return age <= anchor.withinMs
      ? undefined
      : failed('anchor', `the newest earlier checkpoint covers entries up to ${this.#anchoredAt ?? 'none'} only: too old`);
  }

  /** The `width` entries of a bundle, or why they are not to be had. */
  #bundle(index: number, width: number, size: number): Bundle | Failure {
    const path = bundlePath(index, width);
    const exact = this.#reader.read(path);
    // A log that has grown since its checkpoint may keep only the fuller bundle.
    const bytes = exact ?? (width === TILE_WIDTH ? undefined : this.#reader.read(bundlePath(index, TILE_WIDTH)));
    const lastIndex = Math.ceil(size / TILE_WIDTH) - 1;
    if (bytes === undefined) {
      const lastPath = bundlePath(lastIndex, ((size - 1) % TILE_WIDTH) + 1);
      if (index < lastIndex && this.#reader.read(lastPath) !== undefined)
        return failed('unreadable', `could not read: there is no ${path}`);
      return failed(
        'truncated',
        `the log ends before entry ${index * TILE_WIDTH} (there is no ${path}), its checkpoint says ${size} entries`,
      );
    }
    const spans = bundleEntries(bytes);
    if (spans !== undefined && spans.length < width && index === lastIndex) {
      return failed('truncated', `the log ends after ${index * TILE_WIDTH + spans.length} entries, its checkpoint says ${size}`);
    }
    if (spans === undefined || spans.length < width || (exact !== undefined && spans.length > width)) {
      return failed('altered', `${path}: its entries do not add up to ${width}`);
    }
    return { bytes, spans: spans.length === width ? spans : spans.slice(0, width) };
  }

  #entry(bundle: Buffer, from: number, to: number): Entry | undefined {
    const seq = this.#edge.size;
    // Canonical entries are plain ASCII: any other byte becomes a character that no member allows.
    const text = bundle.toString('latin1', from, to);
    const read = parseEntry(text);
    if (!read.ok) {
      this.#wrongEntry ??= failed(isUnknownKind(text) ? 'unreadable' : 'altered', `entry ${seq}: ${read.error.message}`);
      return undefined;
    }
    if (read.value.seq !== seq) this.#wrongEntry ??= failed('altered', `entry ${seq} says that it is entry ${read.value.seq}`);
    const before = this.#ids.size;
    // A copy: a piece of `text` would keep all of it in memory, for each of a million entries.
    const at = from + text.indexOf(read.value.id);
    this.#ids.add(bundle.toString('latin1', at, at + read.value.id.length));
    if (this.#ids.size === before)
      this.#wrongEntry ??= failed('altered', `entry ${seq} repeats ${read.value.id}, which was entered before`);
    return read.value;
  }

  #mark(anchor: AnchorPolicy = { kind: 'optional' }, at?: string): void {
    for (const checkpoint of this.#earlier) {
      if (checkpoint.size !== this.#edge.size || sameHash(checkpoint.root, this.#edge.root())) continue;
      this.#wrongHistory ??= failed(
        'inconsistent',
        `the first ${checkpoint.size} entries are not those that an earlier checkpoint signed: history was rewritten`,
      );
    }
    if (anchor.kind === 'required') this.#anchoredAt = at;
  }

  #compare({ level, index, hashes }: HashTile): void {
    if (this.#wrongTile !== undefined) return;
    const width = hashes.length / HASH_BYTES;
    const path = tilePath(level, index, width);
    const exact = this.#reader.read(path);
    const stored =
      exact ?? (width === TILE_WIDTH ? undefined : this.#reader.read(tilePath(level, index, TILE_WIDTH))?.subarray(0, hashes.length));
    if (stored === undefined) throw new Error(`there is no ${path}`);
    if (Buffer.compare(stored, hashes) === 0) return;
    const differs = hashes.findIndex((byte, at) => stored[at] !== byte);
    this.#wrongTile = { path, entry: level === 0 && differs !== -1 ? index * TILE_WIDTH + Math.floor(differs / HASH_BYTES) : undefined };
  }
}
