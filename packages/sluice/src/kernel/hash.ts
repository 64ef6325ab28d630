import { hash } from 'node:crypto';

/** Bytes in a SHA-256 hash. */
export const HASH_BYTES = 32;

/** The SHA-256 of raw bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(HASH_BYTES);
  sha256Into(bytes, out, 0);
  return out;
}

/**
 * Writes the SHA-256 of `bytes` at `target[at]`, without allocating a buffer for it.
 * One-shot hashing to a binary string is 3 to 4 times faster than to a Buffer (0.22 us against 0.85 us for a tree node), and a log has millions.
 */
export function sha256Into(bytes: Uint8Array, target: Uint8Array, at: number): void {
  const binary = hash('sha256', bytes, 'binary');
  for (let i = 0; i < HASH_BYTES; i += 1) target[at + i] = binary.charCodeAt(i);
}
