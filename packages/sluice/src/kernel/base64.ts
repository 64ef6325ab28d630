/** Bytes as base64 with padding (RFC 4648 section 4). */
export const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

/** The bytes of a base64 text, or undefined when it is not the one canonical spelling of them. */
export function fromBase64(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(Buffer.from(text, 'base64'));
  // Node skips what it does not understand; only the spelling we would write ourselves is accepted, so that no two texts mean the same bytes.
  return toBase64(bytes) === text ? bytes : undefined;
}
