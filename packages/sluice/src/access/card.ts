import { digestOfJson, ed25519Signer, ed25519Verify, err, fromBase64, ok, type Result, SluiceError, toBase64 } from '#kernel';
import type { Identity } from './identity-file.ts';
import { type Person, publicKeyOf } from './person.ts';

/** What a person shows of themselves to be admitted: everything but the secret key, and the proof that they hold it. */
export type Card = Person & { readonly proof: string };

const message = ({ id, name, emails, functions, publicKey }: Person): Uint8Array =>
  new TextEncoder().encode(`sluice card v1\n${digestOfJson({ id, name, emails, functions, publicKey })}`);

/** The card of an identity. */
export const cardOf = ({ person, seed }: Identity): Card => ({ ...person, proof: toBase64(ed25519Signer(seed)(message(person))) });

/** The person of a card, when whoever made it holds the key it names: nobody can have another's key admitted under a name of their own. */
export function personOfCard(card: Card): Result<Person, SluiceError> {
  const { proof, id, name, emails, functions, publicKey } = card;
  const person: Person = { id, name, emails, functions, publicKey };
  const key = publicKeyOf(person);
  const bytes = fromBase64(proof);
  if (key !== undefined && bytes !== undefined && ed25519Verify(key, message(person), bytes)) return ok(person);
  return err(
    new SluiceError('usage', `the card of ${JSON.stringify(name)} is not signed with the key that it names`, {
      hint: 'its owner makes it with sluice identity card',
    }),
  );
}
