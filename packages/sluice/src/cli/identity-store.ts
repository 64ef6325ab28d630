import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { decodeIdentity, encodeIdentity, type Identity } from '#access';
import { SluiceError } from '#kernel';

/** Where a person's identity is unless they say otherwise. */
export const defaultIdentityFile = (env: Readonly<Record<string, string | undefined>>): string =>
  env['SLUICE_IDENTITY'] ?? join(env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'sluice', 'identity.json');

/** Writes a new identity for its owner alone; never over another one. */
export async function storeIdentity(path: string, identity: Identity): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    await writeFile(path, encodeIdentity(identity), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new SluiceError('conflict', `${path} holds an identity already`, { hint: 'use it, or name another file with --file' });
  }
  await chmod(path, 0o600);
}

/** Reads an identity; refused when others could have read it too. */
export async function readIdentity(path: string): Promise<Identity> {
  let text: string;
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0)
      throw new SluiceError('forbidden', `${path} can be read by others`, {
        hint: `make a new identity, or, if nobody did: chmod 600 ${path}`,
      });
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof SluiceError) throw error;
    throw new SluiceError('notFound', `no identity in ${path}`, {
      hint: 'sluice identity create --name … --email … --function …',
      cause: error,
    });
  }
  const decoded = decodeIdentity(text);
  if (!decoded.ok) throw decoded.error;
  return decoded.value;
}
