import { ed25519Signer, ed25519Verify, err, fromBase64, ok, type Result, sha256, signingKeyFromSeed, SluiceError, toBase64 } from '#kernel';

/** The signature type of C2SP signed notes that we write; the byte keeps the format open for others. */
const ED25519 = 0x01;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A key that notes are checked with. `id` is eight hexadecimal digits. */
export type VerifierKey = { readonly name: string; readonly id: string; readonly publicKey: Uint8Array };

/** Something that signs notes under a name. */
export type NoteSigner = { readonly key: VerifierKey; readonly sign: (message: Uint8Array) => Uint8Array };

/** A note whose signatures were checked: its text, and the keys that signed it. */
export type OpenedNote = { readonly text: string; readonly signedBy: readonly VerifierKey[] };

/** A signer from a name and the 32 secret bytes of its key. */
export function noteSigner(name: string, seed: Uint8Array): NoteSigner {
  return { key: verifierKey(name, signingKeyFromSeed(seed).publicKey), sign: ed25519Signer(seed) };
}

/** The key of a name and 32 public bytes. A name has neither spaces nor `+`. */
export function verifierKey(name: string, publicKey: Uint8Array): VerifierKey {
  if (!isKeyName(name)) throw new RangeError(`not the name of a key: "${name}" (no spaces, no "+")`);
  return { name, id: toHex(keyId(name, publicKey)), publicKey };
}

/** The verifier key as one line: `name+hex(id)+base64(type ‖ key)`. */
export const verifierKeyText = ({ name, id, publicKey }: VerifierKey): string =>
  `${name}+${id}+${toBase64(Uint8Array.of(ED25519, ...publicKey))}`;

/** Reads a verifier key, and refuses one whose id is not that of its name and key. */
export function parseVerifierKey(text: string): Result<VerifierKey, SluiceError> {
  const [name, id, ...rest] = text.trim().split('+');
  const bytes = fromBase64(rest.join('+'));
  const refuse = (fact: string) =>
    err(new SluiceError('usage', `verifier key: ${fact}`, { hint: 'give the line that the log prints as its public key: name+id+key' }));
  if (name === undefined || id === undefined || bytes === undefined || !isKeyName(name)) return refuse('not of the form name+id+key');
  if (bytes.length !== 33 || bytes[0] !== ED25519) return refuse(`${name} is not an Ed25519 key`);
  const key = verifierKey(name, bytes.subarray(1));
  return key.id === id ? ok(key) : refuse(`the id of ${name} does not belong to its key: it was altered or cut`);
}

/** Signs a text, which must end with a line feed, as a C2SP signed note. */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  // Other implementations refuse control characters: a note that only we can read is worth nothing.
  if (!text.endsWith('\n') || text.startsWith('\n') || text.includes('\n\n') || /[^\P{Cc}\n]/u.test(text)) {
    throw new RangeError('a note is lines of text, none of them empty, without control characters');
  }
  const message = encoder.encode(text);
  const lines = signers.map(({ key, sign }) => {
    const blob = Uint8Array.of(...keyId(key.name, key.publicKey), ...sign(message));
    return `— ${key.name} ${toBase64(blob)}\n`;
  });
  return `${text}\n${lines.join('')}`;
}

const signatureLine = /^— ([^ +]+) ([A-Za-z0-9+/=]+)$/;

/**
 * Checks a note against known keys. Signatures by unknown keys are ignored, as the format wants (a witness may have added one);
 * a bad signature by a known key, or none by any known key, refuses the note.
 */
export function openNote(note: Uint8Array, keys: readonly VerifierKey[]): Result<OpenedNote, SluiceError> {
  const refuse = (fact: string) => err(new SluiceError('verificationFailed', `signed note: ${fact}`));
  const whole = decode(note);
  if (whole === undefined) return refuse('not UTF-8');
  const at = whole.lastIndexOf('\n\n');
  if (at === -1 || !whole.endsWith('\n')) return refuse('it has no signatures');
  const text = whole.slice(0, at + 1);
  const signedBy: VerifierKey[] = [];
  for (const line of whole.slice(at + 2, -1).split('\n')) {
    const [, name, base64] = signatureLine.exec(line) ?? [];
    const blob = base64 === undefined ? undefined : fromBase64(base64);
    if (name === undefined || blob === undefined || blob.length < 5) return refuse('a signature line is malformed');
    const key = keys.find((known) => known.name === name && known.id === toHex(blob.subarray(0, 4)));
    if (key === undefined) continue;
    if (!ed25519Verify(key.publicKey, encoder.encode(text), blob.subarray(4)))
      return refuse(`the signature of ${name} does not fit the text`);
    if (!signedBy.includes(key)) signedBy.push(key);
  }
  return signedBy.length > 0
    ? ok({ text, signedBy })
    : refuse(`no signature by a known key (${keys.map((key) => `${key.name} ${key.id}`).join(', ')})`);
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** First four bytes of `SHA-256(name ‖ 0x0A ‖ type ‖ key)`. */
const keyId = (name: string, publicKey: Uint8Array): Uint8Array =>
  sha256(Uint8Array.of(...encoder.encode(name), 0x0a, ED25519, ...publicKey)).subarray(0, 4);

const isKeyName = (name: string): boolean => /^[^\s+\p{Cc}]+$/u.test(name);

const toHex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
