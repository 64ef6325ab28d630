import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { decodeIdentity, encodeIdentity, grantableRights, personOfCard, type Card, type GrantableRight, type Identity } from '#access';
import { SluiceError } from '#kernel';
import { cardWire } from '#server';
import { z } from 'zod';

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

/** Larger than any list of cards. */
const mostBytes = 1024 * 1024;

const file = z.union([
  z.array(cardWire.extend({ rights: z.array(z.enum(grantableRights)).optional() })),
  cardWire.extend({ rights: z.array(z.enum(grantableRights)).optional() }).transform((card) => [card]),
]);

/** Reads cards, one or a list, each signed with the key that it names; `rights` where the file says some. */
export async function readCards(
  path: string,
): Promise<readonly { readonly card: Card; readonly rights: readonly GrantableRight[] | undefined }[]> {
  const refuse = (fact: string, cause?: unknown): SluiceError =>
    new SluiceError('usage', `${path}: ${fact}`, {
      hint: 'sluice identity card > card.json makes one',
      ...(cause === undefined ? {} : { cause }),
    });
  const facts = await stat(path).catch((error: unknown) => {
    throw refuse('there is no such file', error);
  });
  if (!facts.isFile() || facts.size > mostBytes) throw refuse('is no card');
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw refuse('is no card: it is not JSON', error);
  }
  const parsed = file.safeParse(json);
  if (!parsed.success) throw refuse(`is no card: ${parsed.error.issues[0]?.path.join('.') ?? ''} ${parsed.error.issues[0]?.message ?? ''}`);
  return parsed.data.map(({ rights, ...card }) => {
    const person = personOfCard(card);
    if (!person.ok) throw person.error;
    return { card, rights };
  });
}
