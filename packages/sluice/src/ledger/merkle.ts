import { HASH_BYTES, sha256, sha256Into } from '#kernel';

/** A SHA-256 hash, 32 bytes. */
export type Hash = Uint8Array;

/** Gives the hash of the perfect subtree of 2^level leaves that begins at leaf index * 2^level. */
export type NodeReader = (level: number, index: number) => Hash;

/** The root of a log without entries. */
export const emptyRoot = (): Hash => sha256(new Uint8Array(0));

const node = new Uint8Array(1 + 2 * HASH_BYTES);
node[0] = 0x01;

/** Writes the hash of two neighbours, 64 bytes at `source[from]`, to `target[at]`. */
export function hashPairInto(source: Uint8Array, from: number, target: Uint8Array, at: number): void {
  for (let i = 0; i < 2 * HASH_BYTES; i += 1) node[1 + i] = source[from + i] ?? 0;
  sha256Into(node, target, at);
}

/** `SHA-256(0x01 ‖ left ‖ right)`. */
export function nodeHash(left: Hash, right: Hash): Hash {
  const pair = new Uint8Array(2 * HASH_BYTES);
  pair.set(left);
  pair.set(right, HASH_BYTES);
  const out = new Uint8Array(HASH_BYTES);
  hashPairInto(pair, 0, out, 0);
  return out;
}

/** `SHA-256(0x00 ‖ entry)`. */
export function leafHash(entry: Uint8Array): Hash {
  const prefixed = new Uint8Array(1 + entry.length);
  prefixed.set(entry, 1);
  return sha256(prefixed);
}

/** The root over the first `size` leaves (RFC 6962 section 2.1). */
export const rootOf = (size: number, read: NodeReader): Hash => (size === 0 ? emptyRoot() : rangeHash(0, size, read));

/** The proof that leaf `index` is in the log of `size` entries: sibling hashes from the leaf to the root. */
export function inclusionProof(index: number, size: number, read: NodeReader): readonly Hash[] {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) throw new RangeError(`no entry ${index} in a log of ${size}`);
  return pathTo(index, 0, size, read);
}

/** The proof that the log of `size` entries begins with the log of `earlier` entries. */
export function consistencyProof(earlier: number, size: number, read: NodeReader): readonly Hash[] {
  if (earlier < 0 || earlier > size) throw new RangeError(`a log of ${size} entries never had ${earlier}`);
  return earlier === 0 || earlier === size ? [] : subproof(earlier, 0, size, true, read);
}

/** Whether `proof` shows that `leaf` is entry `index` of the log of `size` entries with this root (RFC 9162 section 2.1.3.2). */
export function verifyInclusion(leaf: Hash, index: number, size: number, proof: readonly Hash[], root: Hash): boolean {
  if (!Number.isSafeInteger(index) || index < 0 || index >= size) return false;
  let at = index;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(sibling, hash);
      while (at % 2 === 0 && at !== 0) {
        at /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && sameHash(hash, root);
}

/** A size and the root that goes with it. */
export type TreeHead = { readonly size: number; readonly root: Hash };

/** Whether `proof` shows that the later log begins with the earlier one (RFC 9162 section 2.1.4.2). */
export function verifyConsistency(earlier: TreeHead, later: TreeHead, proof: readonly Hash[]): boolean {
  if (earlier.size > later.size) return false;
  if (earlier.size === later.size) return proof.length === 0 && sameHash(earlier.root, later.root);
  if (earlier.size === 0) return proof.length === 0 && sameHash(earlier.root, emptyRoot());
  const powerOfTwo = Number.isInteger(Math.log2(earlier.size));
  const [first, ...rest] = powerOfTwo ? [earlier.root, ...proof] : proof;
  if (first === undefined) return false;
  let at = earlier.size - 1;
  let last = later.size - 1;
  while (at % 2 === 1) {
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  let old = first;
  let now = first;
  for (const sibling of rest) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      old = nodeHash(sibling, old);
      now = nodeHash(sibling, now);
      while (at % 2 === 0 && at !== 0) {
        at /= 2;
        last = Math.floor(last / 2);
      }
    } else {
      now = nodeHash(now, sibling);
    }
    at = Math.floor(at / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && sameHash(old, earlier.root) && sameHash(now, later.root);
}

/** Whether two hashes are the same. Hashes in a log are public: no constant time needed. */
export function sameHash(a: Hash, b: Hash): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/** The largest power of two below `n`, for n > 1: where RFC 6962 splits a tree. */
function split(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

function rangeHash(from: number, to: number, read: NodeReader): Hash {
  const width = to - from;
  const level = Math.log2(width);
  if (Number.isInteger(level) && from % width === 0) return read(level, from / width);
  const middle = from + split(width);
  return nodeHash(rangeHash(from, middle, read), rangeHash(middle, to, read));
}

function pathTo(index: number, from: number, to: number, read: NodeReader): readonly Hash[] {
  if (to - from === 1) return [];
  const middle = from + split(to - from);
  return index < middle
    ? [...pathTo(index, from, middle, read), rangeHash(middle, to, read)]
    : [...pathTo(index, middle, to, read), rangeHash(from, middle, read)];
}

/** RFC 6962 section 2.1.2; `whole` says that the earlier log is all of this subtree so far and its root is known to the verifier. */
function subproof(earlier: number, from: number, to: number, whole: boolean, read: NodeReader): readonly Hash[] {
  if (earlier === to) return whole ? [] : [rangeHash(from, to, read)];
  const middle = from + split(to - from);
  return earlier <= middle
    ? [...subproof(earlier, from, middle, whole, read), rangeHash(middle, to, read)]
    : [...subproof(earlier, middle, to, false, read), rangeHash(from, middle, read)];
}
