import { err, fromBase64, ok, type Result, signingKeyFromSeed, SluiceError, toBase64 } from '#kernel';
import type { Person } from './person.ts';

/** A person together with their secret key: what `sluice identity` writes to a file that only its owner can read. */
export type Identity = { readonly person: Person; readonly seed: Uint8Array };

const FORM = 'sluice-identity-v1';

/** Makes an identity from a random reference and 32 random bytes. */
export function newIdentity(who: Omit<Person, 'publicKey'>, seed: Uint8Array): Identity {
  return { person: { ...who, publicKey: toBase64(signingKeyFromSeed(seed).publicKey) }, seed };
}

/** The private file. Store it with mode 0600. */
export function encodeIdentity({ person, seed }: Identity): string {
  const { id, name, emails, functions } = person;
  return `${JSON.stringify({ form: FORM, id, name, emails, functions, secretKey: toBase64(seed) }, null, 2)}\n`;
}

/** Reads a private file. The message of a refusal never holds any of its content: it may be the key. */
export function decodeIdentity(text: string): Result<Identity, SluiceError> {
  const refuse = (fact: string) =>
    err(
      new SluiceError('usage', `identity file: ${fact}`, { hint: 'restore it from a backup, or make a new identity with sluice identity' }),
    );
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return refuse('not JSON: it is empty, cut or damaged');
  }
  if (typeof content !== 'object' || content === null) return refuse('not an object');
  const member = (name: string): unknown => (Object.hasOwn(content, name) ? Reflect.get(content, name) : undefined);
  if (member('form') !== FORM) return refuse(`not of the form ${FORM}`);
  const [id, name, emails, functions, secret] = ['id', 'name', 'emails', 'functions', 'secretKey'].map(member);
  if (typeof id !== 'string' || typeof name !== 'string' || !isTexts(emails) || !isTexts(functions))
    return refuse('id, name, emails or functions are missing');
  const seed = typeof secret === 'string' ? fromBase64(secret) : undefined;
  if (seed?.length !== 32) return refuse('the secret key is not 32 bytes of base64');
  return ok(newIdentity({ id, name, emails, functions }, seed));
}

const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every((item) => typeof item === 'string');
