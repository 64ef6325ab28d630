import { sha256 } from '#kernel';
import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import {
  consistencyProof,
  emptyRoot,
  type Hash,
  inclusionProof,
  leafHash,
  nodeHash,
  type NodeReader,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from './merkle.ts';
import { TreeEdge } from './tree-edge.ts';

// Many cases each: a machine under load must not turn a slow one into a failure.
vi.setConfig({ testTimeout: 60_000 });

const leafOf = (n: number): Uint8Array => new TextEncoder().encode(`entry ${n}`);
const leaves = Array.from({ length: 700 }, (_, n) => leafHash(leafOf(n)));
const hex = (hash: Hash): string => Buffer.from(hash).toString('hex');

/** RFC 6962 section 2.1 as it is written, with nothing clever. */
function naive(hashes: readonly Hash[]): Hash {
  if (hashes.length <= 1) return hashes[0] ?? sha256(new Uint8Array(0));
  let k = 1;
  while (k * 2 < hashes.length) k *= 2;
  return nodeHash(naive(hashes.slice(0, k)), naive(hashes.slice(k)));
}

const read: NodeReader = (level, index) => naive(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level));
const roots = Array.from({ length: 131 }, (_, size) => naive(leaves.slice(0, size)));
const root = (size: number): Hash => roots[size] ?? naive(leaves.slice(0, size));

describe('the Merkle tree of RFC 6962 (X-05)', () => {
  test('hashes as the published vectors do', () => {
    expect(hex(emptyRoot())).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(hex(leafHash(new Uint8Array(0)))).toBe('6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d');
    // The reference tree of Certificate Transparency: eight leaves.
    const inputs = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
    const edge = new TreeEdge();
    for (const input of inputs) edge.append(new Uint8Array(Buffer.from(input, 'hex')));
    expect(hex(edge.root())).toBe('5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328');
  });

  test('a root is the same grown entry by entry, put together from nodes, and by definition', () => {
    const edge = new TreeEdge();
    for (let size = 0; size <= 700; size += 1) {
      if (size <= 130 || size % 97 === 0 || (size > 508 && size < 516)) {
        expect(hex(edge.root()), `size ${size}`).toBe(hex(root(size)));
        expect(hex(rootOf(size, read))).toBe(hex(root(size)));
      }
      edge.append(leafOf(size));
    }
  });

  test('an edge taken up again from its partial tiles goes on as if it had never stopped', () => {
    for (const size of [0, 1, 2, 255, 256, 257, 511, 512, 600]) {
      const before = new TreeEdge();
      for (let n = 0; n < size; n += 1) before.append(leafOf(n));
      const after = TreeEdge.from(size, before.partialTiles());
      expect(hex(after.root())).toBe(hex(before.root()));
      for (const edge of [before, after]) for (let n = size; n < size + 300; n += 1) edge.append(leafOf(n));
      expect(hex(after.root())).toBe(hex(before.root()));
      expect(after.partialTiles()).toEqual(before.partialTiles());
    }
  });

  test('every entry of every size up to 130 has an inclusion proof that verifies, and for that entry only', () => {
    let proofs = 0;
    for (let size = 1; size <= 130; size += 1) {
      for (let index = 0; index < size; index += 1) {
        const proof = inclusionProof(index, size, read);
        const leaf = leaves[index] ?? emptyRoot();
        proofs += 1;
        if (!verifyInclusion(leaf, index, size, proof, root(size))) throw new Error(`entry ${index} of ${size}`);
        const wrong =
          verifyInclusion(leaves[index + 1] ?? emptyRoot(), index, size, proof, root(size)) ||
          verifyInclusion(leaf, index + 1, size, proof, root(size)) ||
          verifyInclusion(leaf, index, size, [...proof, leaf], root(size)) ||
          (proof.length > 0 && verifyInclusion(leaf, index, size, proof.slice(1), root(size)));
        if (wrong) throw new Error(`a wrong proof for entry ${index} of ${size} verifies`);
      }
    }
    expect(proofs).toBe((130 * 131) / 2);
  });

  test('every size up to 130 is consistent with every earlier one, and with no other history', () => {
    let proofs = 0;
    for (let size = 0; size <= 130; size += 1) {
      for (let earlier = 0; earlier <= size; earlier += 1) {
        const proof = consistencyProof(earlier, size, read);
        const later = { size, root: root(size) };
        proofs += 1;
        if (!verifyConsistency({ size: earlier, root: root(earlier) }, later, proof)) throw new Error(`${earlier} to ${size}`);
        const wrong =
          verifyConsistency({ size: earlier, root: leafHash(leafOf(999)) }, later, proof) ||
          // Every log begins with the empty one, whatever its root.
          (earlier > 0 && verifyConsistency({ size: earlier, root: root(earlier) }, { size, root: leafHash(leafOf(999)) }, proof)) ||
          verifyConsistency({ size: size + 1, root: root(earlier) }, later, proof) ||
          verifyConsistency({ size: earlier, root: root(earlier) }, later, [...proof, leafHash(leafOf(0))]);
        if (wrong) throw new Error(`a wrong proof from ${earlier} to ${size} verifies`);
      }
    }
    expect(proofs).toBe((131 * 132) / 2);
  });

  test('property: a proof with one byte changed verifies nothing', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 130 }), fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), (size, pick, at, flip) => {
        const index = pick % size;
        const proof = inclusionProof(index, size, read).map((hash) => hash.slice());
        const hash = proof[at % proof.length];
        if (hash === undefined) throw new Error('no proof');
        hash[at % 32] = (hash[at % 32] ?? 0) ^ flip;
        expect(verifyInclusion(leaves[index] ?? emptyRoot(), index, size, proof, root(size))).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});
