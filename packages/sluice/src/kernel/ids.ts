/** Where identity and randomness come from, so that tests and replays can steer them. */
export interface Ids {
  /** A new identifier, unique and sortable by time of creation: 26 characters of Crockford base 32 (ULID). */
  next(): string;
  /** A random UUID (version 4), for references that must not tell an order or a time. */
  uuid(): string;
}

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/**
 * A ULID from a time and ten random bytes (https://github.com/ulid/spec): 48 bits of milliseconds, 80 bits of randomness.
 */
export function ulid(epochMs: number, random: Uint8Array): string {
  let value = BigInt(epochMs);
  for (const byte of random.subarray(0, 10)) value = (value << 8n) | BigInt(byte);
  let text = '';
  for (let at = 0; at < 26; at += 1) {
    text = `${alphabet[Number(value & 31n)] ?? ''}${text}`;
    value >>= 5n;
  }
  return text;
}
