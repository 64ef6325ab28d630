import { describe, expect, test } from 'vitest';
import { ed25519Signer, ed25519Verify, fromBase64, sha256, signingKeyFromSeed, toBase64 } from './index.ts';

const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('Ed25519', () => {
  // RFC 8032 section 7.1, test 2
  const seed = fromHex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb');
  const message = fromHex('72');

  test('agrees with the vector of RFC 8032', () => {
    expect(toHex(signingKeyFromSeed(seed).publicKey)).toBe('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c');
    expect(toHex(ed25519Signer(seed)(message))).toBe(
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    );
  });

  test('refuses another message, another key, and malformed input', () => {
    const { publicKey } = signingKeyFromSeed(seed);
    const signature = ed25519Signer(seed)(message);
    expect(ed25519Verify(publicKey, message, signature)).toBe(true);
    expect(ed25519Verify(publicKey, fromHex('73'), signature)).toBe(false);
    expect(ed25519Verify(signingKeyFromSeed(sha256(seed)).publicKey, message, signature)).toBe(false);
    expect(ed25519Verify(publicKey, message, signature.subarray(1))).toBe(false);
    expect(ed25519Verify(publicKey.subarray(1), message, signature)).toBe(false);
    expect(() => signingKeyFromSeed(new Uint8Array(31))).toThrow('32 bytes');
  });
});

test('base64 has one spelling per value', () => {
  expect(toBase64(Uint8Array.of(1, 2, 3, 4))).toBe('AQIDBA==');
  expect(fromBase64('AQIDBA==')).toEqual(Uint8Array.of(1, 2, 3, 4));
  for (const bad of ['AQIDBA', 'AQIDBB==', 'AQID BA==', '*', 'AQIDBA==\n']) expect(fromBase64(bad), bad).toBeUndefined();
});
