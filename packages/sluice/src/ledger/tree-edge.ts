import { HASH_BYTES, sha256Into } from '#kernel';
import { emptyRoot, type Hash, hashPairInto } from './merkle.ts';

/** Hashes in a full tile. */
export const TILE_WIDTH = 256;

type Row = { readonly hashes: Uint8Array; width: number; full: number };

/** A row of hashes of the tree: tile `index` of `level`, full or not. */
export type HashTile = { readonly level: number; readonly index: number; readonly hashes: Uint8Array };

/**
 * The right edge of a growing tree: for each tile level the hashes of the tile that is not full yet. It is all that appending needs to know of a log,
 * at most 8 KiB per level and level = log256(size). Full tiles are handed to `onFullTile` as they come.
 */
export class TreeEdge {
  readonly #rows: Row[] = [];
  readonly #onFullTile: (tile: HashTile) => void;
  readonly #leaf = new Uint8Array(1 + 65_535);
  readonly #fold = new Uint8Array((TILE_WIDTH / 2) * HASH_BYTES);
  #size = 0;

  constructor(onFullTile: (tile: HashTile) => void = () => {}) {
    this.#onFullTile = onFullTile;
  }

  /** How many entries the tree has. */
  get size(): number {
    return this.#size;
  }

  /** Continues a tree from its partial tiles. */
  static from(size: number, partialTiles: readonly HashTile[], onFullTile?: (tile: HashTile) => void): TreeEdge {
    const edge = new TreeEdge(onFullTile);
    edge.#size = size;
    for (let level = 0, count = size; count > 0; level += 1, count = Math.floor(count / TILE_WIDTH)) {
      const row = edge.#row(level);
      row.full = Math.floor(count / TILE_WIDTH);
      row.width = count % TILE_WIDTH;
      if (row.width === 0) continue;
      const tile = partialTiles.find((candidate) => candidate.level === level && candidate.index === row.full);
      if (tile === undefined || tile.hashes.length !== row.width * HASH_BYTES)
        throw new RangeError(`the tile at the edge of level ${level} does not fit ${size} entries`);
      row.hashes.set(tile.hashes);
    }
    return edge;
  }

  /** Appends the entry at `bytes[from..to)`. */
  append(bytes: Uint8Array, from = 0, to = bytes.length): void {
    const row = this.#row(0);
    this.#leaf.set(bytes.subarray(from, to), 1);
    sha256Into(this.#leaf.subarray(0, 1 + to - from), row.hashes, row.width * HASH_BYTES);
    this.#size += 1;
    this.#grown(0, row);
  }

  /** The tiles that are not full, lowest level first: what a log writes beside its full tiles. */
  partialTiles(): readonly HashTile[] {
    return this.#rows.flatMap(({ hashes, width, full }, level) =>
      width === 0 ? [] : [{ level, index: full, hashes: hashes.slice(0, width * HASH_BYTES) }],
    );
  }

  /** The root over all entries. */
  root(): Hash {
    if (this.#size === 0) return emptyRoot();
    const pair = new Uint8Array(2 * HASH_BYTES);
    let right: Hash | undefined;
    for (const { hashes, width } of this.#rows) {
      // The perfect subtrees of a row are the binary digits of its width, the smallest rightmost.
      for (let bit = 1, end = width; bit <= width; bit *= 2) {
        if ((width & bit) === 0) continue;
        const left = this.#perfect(hashes, end - bit, bit);
        end -= bit;
        if (right === undefined) {
          right = left;
          continue;
        }
        pair.set(left);
        pair.set(right, HASH_BYTES);
        right = new Uint8Array(HASH_BYTES);
        hashPairInto(pair, 0, right, 0);
      }
    }
    return right ?? emptyRoot();
  }

  #row(level: number): Row {
    const row = this.#rows[level] ?? { hashes: new Uint8Array(TILE_WIDTH * HASH_BYTES), width: 0, full: 0 };
    this.#rows[level] = row;
    return row;
  }

  #grown(level: number, row: Row): void {
    row.width += 1;
    if (row.width < TILE_WIDTH) return;
    this.#onFullTile({ level, index: row.full, hashes: row.hashes.slice() });
    const above = this.#row(level + 1);
    above.hashes.set(this.#perfect(row.hashes, 0, TILE_WIDTH), above.width * HASH_BYTES);
    row.width = 0;
    row.full += 1;
    this.#grown(level + 1, above);
  }

  /** The hash over `width` hashes, a power of two, from hash `first`; valid until the next call. */
  #perfect(hashes: Uint8Array, first: number, width: number): Uint8Array {
    if (width === 1) return hashes.slice(first * HASH_BYTES, (first + 1) * HASH_BYTES);
    for (let i = 0; i < width / 2; i += 1) hashPairInto(hashes, (first + 2 * i) * HASH_BYTES, this.#fold, i * HASH_BYTES);
    for (let left = width / 2; left > 1; left /= 2) {
      for (let i = 0; i < left / 2; i += 1) hashPairInto(this.#fold, 2 * i * HASH_BYTES, this.#fold, i * HASH_BYTES);
    }
    return this.#fold.slice(0, HASH_BYTES);
  }
}
