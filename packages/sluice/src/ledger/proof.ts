import { err, fromBase64, HASH_BYTES, ok, type Result, SluiceError, toBase64 } from '#kernel';
import { openCheckpoint, type SignedCheckpoint } from './checkpoint.ts';
import { type Hash, inclusionProof, leafHash, verifyInclusion } from './merkle.ts';
import type { VerifierKey } from './note.ts';
import { type LogReader, tileNodes } from './tiles.ts';

const FIRST_LINE = 'c2sp.org/tlog-proof@v1';

/** Shows, without the log, that one entry is in it: index, sibling hashes, and the signed checkpoint they lead to. */
export type EntryProof = { readonly index: number; readonly hashes: readonly Hash[]; readonly checkpoint: string };

/** Makes the proof of entry `index` under a checkpoint from the log's tiles. */
export function proveEntry(reader: LogReader, index: number, checkpoint: { readonly size: number; readonly note: string }): EntryProof {
  return { index, hashes: inclusionProof(index, checkpoint.size, tileNodes(reader, checkpoint.size)), checkpoint: checkpoint.note };
}

/** The proof as a `.tlog-proof` file. */
export function proofText({ index, hashes, checkpoint }: EntryProof): string {
  return [FIRST_LINE, `index ${index}`, ...hashes.map(toBase64), '', checkpoint].join('\n');
}

/** Reads a `.tlog-proof` file. */
export function parseProof(text: string): Result<EntryProof, SluiceError> {
  const refuse = (fact: string) => err(new SluiceError('usage', `tlog-proof: ${fact}`));
  const at = text.indexOf('\n\n');
  if (at === -1) return refuse('it ends before its checkpoint');
  const [first, ...lines] = text.slice(0, at).split('\n');
  if (first !== FIRST_LINE) return refuse(`it does not begin with ${FIRST_LINE}`);
  // Extra data belongs to whoever made the proof; it is outside of what is proved.
  const [position, ...siblings] = lines[0]?.startsWith('extra ') === true ? lines.slice(1) : lines;
  const index = /^index (0|[1-9][0-9]{0,15})$/.exec(position ?? '')?.[1];
  if (index === undefined) return refuse('it has no index');
  const hashes = siblings.map(fromBase64);
  if (!hashes.every((hash) => hash?.length === HASH_BYTES)) return refuse('a sibling hash is malformed');
  return ok({ index: Number(index), hashes: hashes.filter((hash) => hash !== undefined), checkpoint: text.slice(at + 2) });
}

/** Checks offline that `entry` is in the log whose keys are given, and returns the checkpoint that says so. */
export function verifyProof(
  proof: EntryProof,
  entry: Uint8Array,
  known: { readonly origin: string; readonly keys: readonly VerifierKey[] },
): Result<SignedCheckpoint, SluiceError> {
  const checkpoint = openCheckpoint(new TextEncoder().encode(proof.checkpoint), known.keys);
  if (!checkpoint.ok) return checkpoint;
  const { origin, size, root } = checkpoint.value;
  if (origin !== known.origin) return err(new SluiceError('verificationFailed', `proof: of the log "${origin}", not of "${known.origin}"`));
  return verifyInclusion(leafHash(entry), proof.index, size, proof.hashes, root)
    ? checkpoint
    : err(
        new SluiceError('verificationFailed', `proof: the entry is not entry ${proof.index} of the log of ${size} entries that was signed`),
      );
}
