import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, constants, stat } from 'node:fs/promises';
import { delimiter, dirname, isAbsolute, join } from 'node:path';
import { digestFromHex, type Digest } from '#kernel';

/** Where programs are looked up, by agent and instances alike: our own Node first, then the system's places. */
export const searchPath = [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter);

/** Where the program of a name or path lies: a name on the search path, a relative path within `tree`. Undefined when there is none, or it may not be executed. */
export async function findProgram(program: string, tree: string): Promise<string | undefined> {
  const places = program.includes('/')
    ? [isAbsolute(program) ? program : join(tree, program)]
    : searchPath.split(delimiter).map((folder) => join(folder, program));
  for (const place of places) if (await isProgram(place)) return place;
  return undefined;
}

/** Digest of a program file, read again only when the file changed. */
export async function programDigest(path: string): Promise<Digest> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  const version = `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
  const known = digests.get(version);
  if (known !== undefined) return known;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  const digest = digestFromHex(hash.digest('hex'));
  if (digests.size > 64) digests.clear();
  digests.set(version, digest);
  return digest;
}

/** By identity and times of the file, the change time included, which cannot be set back: a changed file is read anew. */
const digests = new Map<string, Digest>();

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
