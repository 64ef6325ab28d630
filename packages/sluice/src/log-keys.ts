import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileDurably } from '#host';
import { fromBase64, SluiceError, toBase64 } from '#kernel';
import { noteSigner, verifierKeyText } from '#ledger';
import type { LogKeys } from '#workflow';

/** File names in the state folder: the secret key for its owner alone, the public one for everybody. */
const secretFile = 'log.key';
const publicFile = 'ledger.vkey';

/** The key that signs the record of a state folder: made once, and never again while its file is there. */
export async function logKeys(stateFolder: string, name: string): Promise<LogKeys> {
  const folder = join(stateFolder, 'keys');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, secretFile);
  const stored = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  const text = stored ?? `${name}.sluice\n${toBase64(randomBytes(32))}\n`;
  if (stored === undefined) await writeFileDurably(path, text, 0o600);
  const [origin = '', seed = ''] = text.split('\n');
  const bytes = fromBase64(seed);
  if (origin === '' || bytes?.length !== 32) {
    throw new SluiceError('config', `${path} holds no signing key`, {
      hint: 'restore it from a backup: with another key nobody could tell this record from a forged one',
    });
  }
  const signer = noteSigner(origin, bytes);
  await writeFileDurably(join(stateFolder, publicFile), `${verifierKeyText(signer.key)}\n`, 0o644);
  return { origin, signers: [signer], verifiers: [signer.key] };
}
