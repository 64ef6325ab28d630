import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

/** An Ed25519 key pair in raw form: 32 bytes of secret seed, 32 bytes of public key. */
export type SigningKey = { readonly seed: Uint8Array; readonly publicKey: Uint8Array };

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
/** DER of PKCS #8 for Ed25519 (RFC 8410) up to the seed: the only way to give Node a raw seed. */
const pkcs8Prefix = Uint8Array.of(0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20);

/** The key pair of a seed: 32 bytes from a good source of randomness, which the caller owns. */
export function signingKeyFromSeed(seed: Uint8Array): SigningKey {
  const jwk = createPublicKey(privateKeyObject(seed)).export({ format: 'jwk' });
  return { seed: Uint8Array.from(seed), publicKey: new Uint8Array(Buffer.from(String(jwk.x), 'base64url')) };
}

/** Prepares an Ed25519 signer: importing a key costs as much as signing, so a log does it once. */
export function ed25519Signer(seed: Uint8Array): (message: Uint8Array) => Uint8Array {
  const key = privateKeyObject(seed);
  return (message) => new Uint8Array(sign(null, message, key));
}

/** True when `signature` is the Ed25519 signature of `message` under `publicKey`; false for anything malformed. */
export function ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false;
  try {
    return verify(null, message, publicKeyObject(publicKey), signature);
  } catch {
    return false; // 32 bytes that are no point on the curve
  }
}

function privateKeyObject(seed: Uint8Array): KeyObject {
  if (seed.length !== KEY_BYTES) throw new RangeError(`an Ed25519 seed has ${KEY_BYTES} bytes, not ${seed.length}`);
  return createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' });
}

const publicKeyObject = (publicKey: Uint8Array): KeyObject =>
  createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey).toString('base64url') }, format: 'jwk' });
