import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readFileSync, readSync, renameSync, rmSync, writeFileSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
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

/** Digests of files, so that a file that did not change is not read again. */
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

  /** The digest of a regular file; `stats` were taken just now. */
  digest(absolute: string, stats: Stats): Digest {
    const mark = markOf(stats);
    const known = this.#entries.get(absolute);
    if (known !== undefined && sameMark(known[0], mark)) return known[1];
    const hashedAt = this.#clock.now();
    const digest = hashFile(absolute, stats.size);
    if (Math.max(mark.mtimeMs, mark.ctimeMs) + racyMs < hashedAt) {
      this.#entries.set(absolute, [mark, digest]);
      this.#changed = true;
    } else if (known !== undefined) {
      this.#entries.delete(absolute);
    }
    return digest;
  }

  /** Whether a look at these times can tell that the file changed. */
  trusts(mark: FileMark): boolean {
    return Math.max(mark.mtimeMs, mark.ctimeMs) + racyMs < this.#clock.now();
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
function hashFile(path: string, size: number): Digest {
  if (size <= 1 << 20) return digestFromHex(createHash('sha256').update(readFileSync(path)).digest('hex'));
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(1 << 20);
  const fd = openSync(path, 'r');
  try {
    for (let read = readSync(fd, buffer); read > 0; read = readSync(fd, buffer)) hash.update(buffer.subarray(0, read));
  } finally {
    closeSync(fd);
  }
  return digestFromHex(hash.digest('hex'));
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
      lines.map(([file, size, mtimeMs, ctimeMs, ino, mode, digest]) => [file, [{ size, mtimeMs, ctimeMs, ino, mode }, digest]]),
    );
  } catch {
    return new Map();
  }
}
