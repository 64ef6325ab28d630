import { type Digest, ed25519Signer, ed25519Verify, fromBase64, isDigest, isoTime, toBase64 } from '#kernel';
import { type Person, publicKeyOf } from './person.ts';

/** What a person says by an approval: this subject, in this deployment, until then. `expiresAt` in epoch milliseconds. */
export type ApprovalStatement = { readonly subject: Digest; readonly deployment: string; readonly expiresAt: number };

/**
 * What is signed names its purpose first, so that a signature given for an approval can never be shown as one given for something else, nor the other way
 * round. The same release may be asked for again, and signatures are in the record for all to read: each counts for one deployment, and no longer than
 * its giver said.
 */
function approvalMessage({ subject, deployment, expiresAt }: ApprovalStatement): Uint8Array {
  if (!isDigest(subject)) throw new TypeError('an approval is of a digest');
  return new TextEncoder().encode(`sluice approval v2\n${subject}\n${JSON.stringify(deployment)}\n${isoTime(expiresAt)}`);
}

/** A person's approval, base64. */
export const signApproval = (seed: Uint8Array, statement: ApprovalStatement): string =>
  toBase64(ed25519Signer(seed)(approvalMessage(statement)));

/** Whether the signature is this person's approval of exactly this. */
export function isApprovalBy(person: Pick<Person, 'publicKey'>, statement: ApprovalStatement, signature: string): boolean {
  const key = publicKeyOf(person);
  const bytes = fromBase64(signature);
  return key !== undefined && bytes !== undefined && ed25519Verify(key, approvalMessage(statement), bytes);
}
