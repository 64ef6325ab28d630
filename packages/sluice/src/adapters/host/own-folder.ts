import { closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SluiceError } from '#kernel';

/**
 * A folder that nobody but this user can change, held open: what was checked is what is used, whatever its name leads to meanwhile.
 * `path` is its name for others; `inside` goes over the open descriptor where the system can do that.
 */
export type OwnFolder = Disposable & { readonly path: string; inside(name: string): string };

/** Makes a folder when it is not there, and takes it only when it is a real folder of this user which nobody else may write to. */
export function openOwnFolder(path: string, hint: string): OwnFolder {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    const fact = strangeness(path);
    if (fact === undefined) throw error;
    throw new SluiceError('config', `${path} ${fact}, so nothing in it can be trusted`, { hint, cause: error });
  }
  const { uid, mode } = fstatSync(fd);
  const own = process.getuid?.() ?? uid;
  if (uid !== own || (mode & 0o22) !== 0) {
    closeSync(fd);
    const fact = uid === own ? 'may be written to by others' : `belongs to another user (${uid})`;
    throw new SluiceError('config', `${path} ${fact}, so nothing in it can be trusted`, { hint });
  }
  const base = process.platform === 'linux' ? `/proc/self/fd/${fd}` : path;
  return { path, inside: (name) => join(base, name), [Symbol.dispose]: () => closeSync(fd) };
}

/** Why something at a path is no folder of ours, without following a link; undefined when it looks like one. */
function strangeness(path: string): string | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  if (stats.isSymbolicLink()) return 'is a link';
  if (!stats.isDirectory()) return 'is no folder';
  return stats.uid === process.getuid?.() ? undefined : `belongs to another user (${stats.uid})`;
}

/**
 * Where this user's runs keep what must not lie in a working tree: temporary files, and what is needed to end what a killed run left.
 * `/tmp` belongs to everybody, and anybody may have made a folder of that name before.
 */
export function openPrivateFolder(): OwnFolder {
  const path = join(tmpdir(), `sluice-${process.getuid?.() ?? 'user'}`);
  return openOwnFolder(path, 'remove it, or set TMPDIR to a folder of your own');
}
