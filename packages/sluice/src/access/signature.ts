import { type Digest, ed25519Signer, ed25519Verify, fromBase64, isDigest, toBase64 } from '#kernel';
import { type Person, publicKeyOf } from './person.ts';

/**
 * What is signed names its purpose first, so that a signature given for an approval can never be shown as one given for something else, nor the other way
 * round.
 */
function approvalMessage(subject: Digest): Uint8Array {
  if (!isDigest(subject)) throw new TypeError('an approval is of a digest');
  return new TextEncoder().encode(`sluice approval v1\n${subject}`);
}

/** A person's approval of exactly this subject, base64. */
export const signApproval = (seed: Uint8Array, subject: Digest): string => toBase64(ed25519Signer(seed)(approvalMessage(subject)));

/** Whether the signature is this person's approval of exactly this subject. */
export function isApprovalBy(person: Pick<Person, 'publicKey'>, subject: Digest, signature: string): boolean {
  const key = publicKeyOf(person);
  const bytes = fromBase64(signature);
  return key !== undefined && bytes !== undefined && ed25519Verify(key, approvalMessage(subject), bytes);
}
