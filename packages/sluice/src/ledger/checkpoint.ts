import { err, fromBase64, HASH_BYTES, ok, type Result, SluiceError, toBase64 } from '#kernel';
import type { TreeHead } from './merkle.ts';
import { type NoteSigner, openNote, type OpenedNote, signNote, type VerifierKey } from './note.ts';

/** What a log signs: its origin, its size and the root over all its entries. */
export type Checkpoint = TreeHead & { readonly origin: string };

/** A checkpoint with its signed form, and the keys that signed. */
export type SignedCheckpoint = Checkpoint & { readonly note: string; readonly signedBy: readonly VerifierKey[] };

/** The three lines of a checkpoint. */
export function checkpointText({ origin, size, root }: Checkpoint): string {
  if (origin === '' || origin.includes('\n')) throw new RangeError('the origin of a log is one line');
  return `${origin}\n${size}\n${toBase64(root)}\n`;
}

/** A checkpoint as a signed note. */
export const signCheckpoint = (checkpoint: Checkpoint, signers: readonly NoteSigner[]): string =>
  signNote(checkpointText(checkpoint), signers);

/** Checks the signature of a checkpoint and reads it. */
export function openCheckpoint(note: Uint8Array, keys: readonly VerifierKey[]): Result<SignedCheckpoint, SluiceError> {
  const opened = openNote(note, keys);
  if (!opened.ok) return opened;
  return readCheckpoint(opened.value, new TextDecoder().decode(note));
}

function readCheckpoint({ text, signedBy }: OpenedNote, note: string): Result<SignedCheckpoint, SluiceError> {
  const [origin, size, root, ...extensions] = text.split('\n');
  const hash = root === undefined ? undefined : fromBase64(root);
  const whole = size !== undefined && /^(?:0|[1-9][0-9]{0,15})$/.test(size) && Number.isSafeInteger(Number(size));
  if (origin === undefined || origin === '' || !whole || hash?.length !== HASH_BYTES || extensions.length === 0) {
    return err(new SluiceError('verificationFailed', 'checkpoint: not origin, size and root on a line each'));
  }
  return ok({ origin, size: Number(size), root: hash, note, signedBy });
}
