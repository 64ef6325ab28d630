import { digestOf, type Digest, err, fromBase64, ok, type Result, SluiceError } from '#kernel';

/**
 * Somebody who may sign. `id` is a random UUID and all that the ledger ever sees (I10); name and e-mails stay in the register. A function is a role that
 * an approval rule asks for, such as `risk` or `trading`.
 */
export type Person = {
  readonly id: string;
  readonly name: string;
  readonly emails: readonly string[];
  readonly functions: readonly string[];
  /** The 32 bytes of the Ed25519 public key, base64. */
  readonly publicKey: string;
};

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
/** What is not seen, or changes how what stands beside it is seen: nobody is called so, and no address holds it. */
const unseen = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const functionName = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

/** The digest that names a person's key in the ledger. */
export const keyDigestOf = (person: Pick<Person, 'publicKey'>): Digest => digestOf(publicKeyOf(person) ?? new Uint8Array(0));

/** The raw public key, undefined when the register holds something else. */
export function publicKeyOf(person: Pick<Person, 'publicKey'>): Uint8Array | undefined {
  const key = fromBase64(person.publicKey);
  return key?.length === 32 ? key : undefined;
}

/** The form in which e-mail addresses are compared. */
export const emailForm = (email: string): string => email.trim().toLowerCase();

/**
 * Whether a person may be added to the register. Each e-mail address and each key belongs to one person only: otherwise nobody could say who wrote a
 * commit, and one person could sign as two.
 */
export function admitPerson(person: Person, register: readonly Person[]): Result<Person, SluiceError> {
  const refuse = (fact: string, hint: string) => err(new SluiceError('usage', `person ${JSON.stringify(person.name)}: ${fact}`, { hint }));
  if (!uuid.test(person.id)) return refuse('the reference is no random UUID', 'make the identity with sluice identity');
  if (publicKeyOf(person) === undefined)
    return refuse('the public key is not 32 bytes of base64', 'make the identity with sluice identity');
  if (person.name.trim() === '' || unseen.test(person.name))
    return refuse('the name is empty or holds characters that are not seen', 'give a name that others can read');
  if (person.emails.length === 0) return refuse('no e-mail address', 'name at least the address that commits are made with');
  const noAddress = person.emails.find((email) => !/^[^\s@<>]+@[^\s@<>]+$/.test(emailForm(email)) || unseen.test(email));
  if (noAddress !== undefined) return refuse(`"${noAddress}" is no e-mail address`, 'give it as name@example.com');
  const noFunction = person.functions.find((name) => !functionName.test(name));
  if (noFunction !== undefined) return refuse(`"${noFunction}" is no function`, 'use letters, digits, "-" and "_"');
  for (const other of register) {
    if (other.id === person.id) return refuse('the reference is taken', 'a person is registered once');
    if (other.publicKey === person.publicKey) return refuse(`the key is that of "${other.name}"`, 'each person has a key of their own');
    const shared = person.emails.find((email) => other.emails.some((taken) => emailForm(taken) === emailForm(email)));
    if (shared !== undefined) return refuse(`${shared} belongs to "${other.name}"`, 'each address belongs to one person');
  }
  return ok(person);
}
