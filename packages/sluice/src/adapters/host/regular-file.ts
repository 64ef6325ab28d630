import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, statSync, type Stats } from 'node:fs';
import { err, ok, type Result } from '#kernel';

/** Whether the last name of a path may be a link. Links above it are followed either way. */
export type Links = 'follow' | 'refuse';

/** Why a file was not read; `message` is the fact alone, without the path. */
export type FileRefusal = { readonly kind: 'missing' | 'not-regular' | 'too-large' | 'unreadable'; readonly message: string };

/** A regular file that is open for reading; it is looked at through its descriptor, so that nobody can put another one under its name. */
export class RegularFile implements Disposable {
  readonly fd: number;
  readonly stats: Stats;

  constructor(fd: number, stats: Stats) {
    this.fd = fd;
    this.stats = stats;
  }

  /** The next bytes, at most `buffer.length`; 0 at the end. */
  read(buffer: Uint8Array): number {
    return readSync(this.fd, buffer);
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}

/**
 * Opens a file that somebody else made. What is no regular file is refused without being opened: a pipe would wait for its writer, a device may do anything. A name that becomes one in
 * between is opened without waiting, and refused then.
 */
export function openRegularFile(path: string, links: Links = 'follow'): Result<RegularFile, FileRefusal> {
  try {
    const before = links === 'follow' ? statSync(path) : lstatSync(path);
    if (!before.isFile()) return notRegular(before);
    const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | (links === 'refuse' ? constants.O_NOFOLLOW : 0);
    const fd = openSync(path, flags);
    const stats = fstatSync(fd);
    if (stats.isFile()) return ok(new RegularFile(fd, stats));
    closeSync(fd);
    return notRegular(stats);
  } catch (error) {
    return err(refusalOf(error));
  }
}

/** The whole of a regular file of at most `mostBytes`: its size is looked at before anything is read, and again while it is read. */
export function readRegularFile(path: string, mostBytes: number, links: Links = 'follow'): Result<Buffer, FileRefusal> {
  const opened = openRegularFile(path, links);
  if (!opened.ok) return opened;
  using file = opened.value;
  if (file.stats.size > mostBytes) return tooLarge(mostBytes);
  try {
    // One more than its size, so that what grew meanwhile is noticed. Files of /proc have no size at all.
    const room = file.stats.size === 0 ? Math.min(mostBytes, 64 * 1024) : file.stats.size;
    let bytes = Buffer.allocUnsafe(room + 1);
    let length = 0;
    for (let read = file.read(bytes); read > 0; read = file.read(bytes.subarray(length))) {
      length += read;
      if (length > mostBytes) return tooLarge(mostBytes);
      if (length === bytes.length) bytes = Buffer.concat([bytes], Math.min(length * 2, mostBytes + 1));
    }
    return ok(bytes.subarray(0, length));
  } catch (error) {
    return err(refusalOf(error));
  }
}

const tooLarge = (mostBytes: number): Result<never, FileRefusal> =>
  err({
    kind: 'too-large',
    message: `is larger than ${mostBytes >= 1024 * 1024 ? `${Math.floor(mostBytes / 1024 / 1024)} MiB` : `${mostBytes} bytes`}`,
  });

function notRegular(stats: Stats): Result<never, FileRefusal> {
  const what = stats.isDirectory()
    ? 'a folder'
    : stats.isFIFO()
      ? 'a named pipe'
      : stats.isSocket()
        ? 'a socket'
        : stats.isSymbolicLink()
          ? 'a link'
          : 'a device';
  return err({ kind: 'not-regular', message: `is ${what}, not a file` });
}

function refusalOf(error: unknown): FileRefusal {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'missing', message: 'does not exist' };
  if (code === 'ELOOP') return { kind: 'not-regular', message: 'is a link, not a file' };
  if (code === 'EACCES' || code === 'EPERM') return { kind: 'unreadable', message: 'may not be read by this user' };
  return { kind: 'unreadable', message };
}
