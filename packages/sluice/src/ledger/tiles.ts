import { HASH_BYTES } from '#kernel';
import { type Hash, hashPairInto, type NodeReader } from './merkle.ts';
import { TILE_WIDTH } from './tree-edge.ts';

/** A file of the log, by its path below the log's folder. */
export type LogFile = { readonly path: string; readonly bytes: Uint8Array };

/** Where a log's files are read from: `undefined` when there is no such file; throws when it cannot tell. */
export type LogReader = { readonly read: (path: string) => Uint8Array | undefined };

/** The path of hash tile `index` of `level` with `width` hashes: `tile/0/x001/234`, `tile/0/x001/234.p/17`. */
export const tilePath = (level: number, index: number, width: number): string => `tile/${level}/${tileNumber(index)}${partial(width)}`;

/** The path of entry bundle `index` with `width` entries: `tile/entries/000`. */
export const bundlePath = (index: number, width: number): string => `tile/entries/${tileNumber(index)}${partial(width)}`;

/** Where the checkpoint stands. */
export const CHECKPOINT_PATH = 'checkpoint';

/** Groups of three digits, all but the last with a leading `x`. */
function tileNumber(index: number): string {
  const last = String(index % 1_000).padStart(3, '0');
  let rest = Math.floor(index / 1_000);
  let path = last;
  for (; rest > 0; rest = Math.floor(rest / 1_000)) path = `x${String(rest % 1_000).padStart(3, '0')}/${path}`;
  return path;
}

const partial = (width: number): string => (width === TILE_WIDTH ? '' : `.p/${width}`);

/** Every hash tile and entry bundle that a log of `size` entries consists of: what an export holds besides the checkpoint. */
export function pathsOf(size: number): readonly string[] {
  const paths: string[] = [];
  for (const [index, width] of rows(size)) paths.push(bundlePath(index, width));
  for (let level = 0, count = size; count > 0; level += 1, count = Math.floor(count / TILE_WIDTH)) {
    for (const [index, width] of rows(count)) paths.push(tilePath(level, index, width));
  }
  return paths;
}

/** Index and width of each tile in a row of `count`. */
export function* rows(count: number): Generator<readonly [index: number, width: number]> {
  for (let index = 0; index * TILE_WIDTH < count; index += 1) yield [index, Math.min(TILE_WIDTH, count - index * TILE_WIDTH)];
}

/** Entries in a bundle: each has its length before it, two bytes, big end first. */
export function encodeBundle(entries: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + 2 + entry.length, 0));
  let at = 0;
  for (const entry of entries) {
    if (entry.length > 0xff_ff) throw new RangeError(`an entry of ${entry.length} bytes does not fit a bundle`);
    bytes[at] = entry.length >> 8;
    bytes[at + 1] = entry.length & 0xff;
    bytes.set(entry, at + 2);
    at += 2 + entry.length;
  }
  return bytes;
}

/** Where each entry of a bundle begins and ends; undefined when the lengths do not add up to the bundle. */
export function bundleEntries(bundle: Uint8Array): readonly (readonly [from: number, to: number])[] | undefined {
  const spans: (readonly [number, number])[] = [];
  let at = 0;
  while (at < bundle.length) {
    const from = at + 2;
    const to = from + (((bundle[at] ?? 0) << 8) | (bundle[at + 1] ?? 0));
    if (to > bundle.length) return undefined;
    spans.push([from, to]);
    at = to;
  }
  return spans;
}

/** A file that a log should have and has not, or not in full. */
export class MissingFile extends Error {
  override readonly name = 'MissingFile';
  readonly path: string;

  constructor(path: string, fact: string) {
    super(`${path}: ${fact}`);
    this.path = path;
  }
}

/** Reads the first `width` hashes of a tile of a log of `size` entries. A log that has grown may keep only the fuller tile. */
export function readTile(reader: LogReader, level: number, index: number, width: number): Uint8Array {
  const path = tilePath(level, index, width);
  const bytes = reader.read(path) ?? (width === TILE_WIDTH ? undefined : reader.read(tilePath(level, index, TILE_WIDTH)));
  if (bytes === undefined) throw new MissingFile(path, 'there is no such file');
  if (bytes.length < width * HASH_BYTES) throw new MissingFile(path, `${bytes.length} bytes, ${width * HASH_BYTES} expected`);
  return bytes.subarray(0, width * HASH_BYTES);
}

/** The nodes of a log of `size` entries, read from its tiles. */
export function tileNodes(reader: LogReader, size: number): NodeReader {
  const tiles = new Map<string, Uint8Array>();
  return (level, index) => {
    const tileLevel = Math.floor(level / 8);
    const width = 2 ** (level % 8);
    const first = index * width;
    const tileIndex = Math.floor(first / TILE_WIDTH);
    const inLevel = Math.floor(size / TILE_WIDTH ** tileLevel);
    const tileWidth = Math.min(TILE_WIDTH, inLevel - tileIndex * TILE_WIDTH);
    const key = `${tileLevel}/${tileIndex}`;
    const tile = tiles.get(key) ?? readTile(reader, tileLevel, tileIndex, tileWidth);
    tiles.set(key, tile);
    return fold(tile.slice((first % TILE_WIDTH) * HASH_BYTES, ((first % TILE_WIDTH) + width) * HASH_BYTES));
  };
}

/** The hash over a power of two of hashes; overwrites them. */
function fold(hashes: Uint8Array): Hash {
  for (let left = hashes.length / HASH_BYTES; left > 1; left /= 2) {
    for (let i = 0; i < left / 2; i += 1) hashPairInto(hashes, 2 * i * HASH_BYTES, hashes, i * HASH_BYTES);
  }
  return hashes.slice(0, HASH_BYTES);
}
