import { createHash } from 'node:crypto';
import type { Brand } from './brand.ts';
import { canonicalJson } from './canonical-json.ts';

/** A SHA-256 digest as `sha256:` and 64 lower-case hexadecimal digits. */
export type Digest = Brand<string, 'Digest'>;

const form = /^sha256:[0-9a-f]{64}$/;

/** True for a well-formed digest. */
export const isDigest = (value: unknown): value is Digest => typeof value === 'string' && form.test(value);

/** A digest read from outside; throws when it is not one. */
export function parseDigest(value: string): Digest {
  if (!isDigest(value)) throw new TypeError(`not a digest: ${value.slice(0, 80)}`);
  return value;
}

/** The digest of bytes, or of a string's UTF-8 bytes. */
export const digestOf = (bytes: Uint8Array | string): Digest => `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;

/** The digest of a value's canonical JSON (RFC 8785). */
export const digestOfJson = (value: unknown): Digest => digestOf(canonicalJson(value));

/** Turns a hexadecimal SHA-256, computed by a stream, into a digest. */
export const digestFromHex = (hex: string): Digest => parseDigest(`sha256:${hex}`);

/** For people: the first four and last two hexadecimal digits, `7c1e…9a`. */
export const shortDigest = (digest: string): string => {
  const hex = digest.replace(/^sha256:/, '');
  return `${hex.slice(0, 4)}…${hex.slice(-2)}`;
};
