import { createHash } from 'node:crypto';
import { closeSync, fstatSync, mkdirSync, readFileSync, readSync, renameSync, rmSync, writeFileSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { PathRefused, type HeldFolder } from '#host';
import { digestFromHex, type Clock, type Digest } from '#kernel';

/** What tells, without reading it, that a file is the one that was hashed. Times are in milliseconds with fractions. */
export type FileMark = {
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly ino: number;
  readonly mode: number;
};

export const markOf = ({ size, mtimeMs, ctimeMs, ino, mode }: Stats): FileMark => ({ size, mtimeMs, ctimeMs, ino, mode });

export const sameMark = (a: FileMark, b: FileMark): boolean =>
  a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.ino === b.ino && a.mode === b.mode;

/**
 * File times move in ticks of up to 10 ms: a file changed twice within one tick looks the same after both. So, as git does, a file is believed
 * unchanged only when it was already older than this when it was hashed.
 */
const racyMs = 50;

/** Digests of files by their paths in the project, so that a file that did not change is not read again. */
export class FileIndex {
  readonly #path: string;
  readonly #clock: Clock;
  #entries: Map<string, readonly [mark: FileMark, digest: Digest]>;
  #changed = false;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
    this.#entries = load(path);
  }

  /** The digest of a regular file of the project; `stats` were taken just now. Throws when it is another one by the time it is read. */
  digest(folder: HeldFolder, path: string, stats: Stats): Digest {
    const mark = markOf(stats);
    const known = this.#entries.get(path);
    if (known !== undefined && sameMark(known[0], mark)) return known[1];
    const hashedAt = this.#clock.now();
    const digest = hashFile(folder, path, mark);
    if (Math.max(mark.mtimeMs, mark.ctimeMs) + racyMs < hashedAt) {
      this.#entries.set(path, [mark, digest]);
      this.#changed = true;
    } else if (known !== undefined) {
      this.#entries.delete(path);
    }
    return digest;
  }

  /** Keeps what was learned. Losing it costs time only, so it is not synced. */
  save(): void {
    if (!this.#changed) return;
    const body = JSON.stringify(
      [...this.#entries].map(([path, [mark, digest]]) => [path, mark.size, mark.mtimeMs, mark.ctimeMs, mark.ino, mark.mode, digest]),
    );
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
    const draft = `${this.#path}.${process.pid}.tmp`;
    try {
      writeFileSync(draft, `${crc32(body)}\n${body}`, { mode: 0o600 });
      renameSync(draft, this.#path);
    } catch (error) {
      rmSync(draft, { force: true });
      throw error;
    }
    this.#changed = false;
  }
}

/** SHA-256 of a file's content. */
function hashFile(folder: HeldFolder, path: string, mark: FileMark): Digest {
  const { fd } = folder.openFile(path);
  try {
    if (!sameMark(markOf(fstatSync(fd)), mark)) throw new PathRefused(path, 'changed while it was read');
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(Math.min(1 << 20, Math.max(1, mark.size)));
    // No more than it had: somebody may still write, beyond any end.
    for (let left = mark.size; left > 0;) {
      const read = readSync(fd, buffer, 0, Math.min(left, buffer.length), null);
      if (read === 0) break;
      hash.update(buffer.subarray(0, read));
      left -= read;
    }
    if (!sameMark(markOf(fstatSync(fd)), mark)) throw new PathRefused(path, 'changed while it was read');
    return digestFromHex(hash.digest('hex'));
  } finally {
    closeSync(fd);
  }
}

type Line = readonly [path: string, size: number, mtimeMs: number, ctimeMs: number, ino: number, mode: number, digest: Digest];

/** A damaged index is no index: its digests would make keys. */
function load(path: string): Map<string, readonly [FileMark, Digest]> {
  try {
    const text = readFileSync(path, 'utf8');
    const cut = text.indexOf('\n');
    const body = text.slice(cut + 1);
    if (String(crc32(body)) !== text.slice(0, cut)) return new Map();
    const lines = JSON.parse(body) as readonly Line[];
    return new Map(
      // Paths are relative to the project.
      lines
        .filter(([file]) => !file.startsWith('/'))
        .map(([file, size, mtimeMs, ctimeMs, ino, mode, digest]) => [file, [{ size, mtimeMs, ctimeMs, ino, mode }, digest]]),
    );
  } catch {
    return new Map();
  }
}
