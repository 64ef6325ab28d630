import { closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { nameFromBytes, pathOnDisk, shownPath } from './file-name.ts';

/** Why something below a folder is not touched; the message names the path. */
export class PathRefused extends Error {
  override readonly name = 'PathRefused';
  /** Relative to the folder. */
  readonly path: string;

  constructor(path: string, because: string) {
    super(`"${shownPath(path)}" ${because}`);
    this.path = path;
  }
}

/** What stands in a folder under a name. */
export type Listed = { readonly name: string; readonly kind: 'file' | 'folder' | 'link' | 'other' };

const kindOf = (entry: Pick<Stats, 'isFile' | 'isDirectory' | 'isSymbolicLink'>): Listed['kind'] =>
  entry.isFile() ? 'file' : entry.isDirectory() ? 'folder' : entry.isSymbolicLink() ? 'link' : 'other';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
/** Names a file without opening it; Node has no word for it, Linux has one number on all its common machines. */
const O_PATH = 0o10_000_000;

/**
 * A folder that is held open, and what lies beneath it. Every path is walked name by name from there and no link is followed on the way, so what is reached
 * lies inside, whatever is renamed or replaced meanwhile: the kernel is never asked to resolve a path of more than one name.
 */
export class HeldFolder implements Disposable {
  readonly #fd: number;
  /** The folder of the path that was asked for last: it stays open until the next question. */
  #last: number | undefined;

  /** The folder itself may be reached over links: whoever names it chose it. */
  constructor(path: string) {
    this.#fd = openSync(path, O_PATH | O_DIRECTORY);
  }

  /** What lies at a path, a link as itself; undefined when nothing does. */
  stats(path: string): Stats | undefined {
    if (path === '') return fstatSync(this.#fd);
    try {
      return lstatSync(this.place(path), { throwIfNoEntry: false });
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  /** What a folder holds, in no order. */
  list(path: string): readonly Listed[] {
    const place = `/proc/self/fd/${path === '' ? this.#fd : this.#folder(path)}`;
    const entries = readdirSync(place, { withFileTypes: true });
    // A replacement character is what stands for bytes that are no text: then the bytes themselves are asked for.
    if (!entries.some(({ name }) => name.includes('\uFFFD'))) return entries.map((entry) => ({ name: entry.name, kind: kindOf(entry) }));
    return readdirSync(place, { withFileTypes: true, encoding: 'buffer' }).map((entry) => ({
      name: nameFromBytes(entry.name),
      kind: kindOf(entry),
    }));
  }

  /** The text of a link. */
  link(path: string): string {
    const place = this.place(path);
    const text = readlinkSync(place);
    return text.includes('\uFFFD') ? nameFromBytes(readlinkSync(place, { encoding: 'buffer' })) : text;
  }

  /** Opens a regular file for reading; nothing else is opened, and nothing waits for a writer. Whoever asks closes it. */
  openFile(path: string): { readonly fd: number; readonly stats: Stats } {
    let fd: number;
    try {
      fd = openSync(this.place(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ELOOP') throw new PathRefused(path, 'is a link');
      if (code === 'ENXIO') throw new PathRefused(path, 'is no regular file');
      if (code === 'EACCES') throw new PathRefused(path, 'cannot be read: permission denied');
      throw error;
    }
    const stats = fstatSync(fd);
    if (stats.isFile()) return { fd, stats };
    closeSync(fd);
    throw new PathRefused(path, 'is no regular file');
  }

  /** Makes a folder and those that it lies in, where they are missing. */
  makeFolder(path: string): void {
    const parts = path.split('/');
    for (let depth = 1; depth <= parts.length; depth += 1) {
      const folder = parts.slice(0, depth).join('/');
      try {
        mkdirSync(this.place(folder));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
    this.#folder(path);
  }

  /** What a system call may be given for a path: its folder as it is held, and one name. Good until the next call of this object. */
  place(path: string): string | Buffer {
    const cut = path.lastIndexOf('/');
    if (isNoName(path.slice(cut + 1))) throw new PathRefused(path, 'is no plain path');
    const fd = cut === -1 ? this.#fd : this.#folder(path.slice(0, cut));
    return pathOnDisk(`/proc/self/fd/${fd}/${path.slice(cut + 1)}`);
  }

  #folder(path: string): number {
    const parts = path.split('/');
    let fd = this.#fd;
    for (const [at, name] of parts.entries()) {
      let next: number;
      try {
        if (isNoName(name)) throw new PathRefused(path, 'is no plain path');
        next = openSync(pathOnDisk(`/proc/self/fd/${fd}/${name}`), O_PATH | O_DIRECTORY | O_NOFOLLOW);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code !== 'ENOTDIR') throw error;
        const on = parts.slice(0, at + 1).join('/');
        const isLink = lstatSync(pathOnDisk(`/proc/self/fd/${fd}/${name}`), { throwIfNoEntry: false })?.isSymbolicLink() === true;
        throw new PathRefused(
          path,
          isLink ? `is reached over a link, "${shownPath(on)}"` : `lies in "${shownPath(on)}", which is no folder`,
        );
      } finally {
        if (fd !== this.#fd) closeSync(fd);
      }
      fd = next;
    }
    if (this.#last !== undefined) closeSync(this.#last);
    this.#last = fd;
    return fd;
  }

  [Symbol.dispose](): void {
    if (this.#last !== undefined) closeSync(this.#last);
    this.#last = undefined;
    closeSync(this.#fd);
  }
}

const isNoName = (name: string): boolean => name === '' || name === '.' || name === '..';

/** Nothing is there, not even the folder that it would lie in. */
const isGone = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';
