import { fdatasync, fsyncSync, closeSync, ftruncateSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { syncFolder, writeFileDurably } from '#host';

/** What a journal held when it was opened. */
export type JournalContent = {
  readonly entries: readonly unknown[];
  /** How the end of the file was found: `torn` is a line cut short, never acknowledged; `damaged` is a whole line that was altered. */
  readonly tail: 'whole' | 'torn' | 'damaged';
};

/** A journal that cannot be trusted, in one line for a person. */
export class JournalDamage extends Error {
  override readonly name = 'JournalDamage';
}

/**
 * An append-only file of JSON lines, each with its checksum. A line is in the hands of the system, and so survives the end of this
 * process, when `append` returns; it survives a power cut when a `sync` begun after it has resolved.
 */
export class Journal {
  readonly #path: string;
  #fd: number;
  #size: number;
  /** Lines appended while a compaction writes the new file: they must be in both. */
  #meanwhile: string | undefined;
  #lines = 0;
  readonly #syncing = new Set<Promise<void>>();
  #sound = true;
  #closed = false;

  private constructor(path: string, size: number) {
    this.#path = path;
    this.#fd = openSync(path, 'r+', 0o600);
    this.#size = size;
  }

  static async open(path: string): Promise<{ readonly journal: Journal; readonly content: JournalContent }> {
    let bytes = readIfThere(path);
    if (bytes === undefined) {
      await writeFileDurably(path, '');
      bytes = Buffer.alloc(0);
    }
    const { content, soundBytes } = parse(path, bytes);
    const journal = new Journal(path, soundBytes);
    if (soundBytes < bytes.length) ftruncateSync(journal.#fd, soundBytes);
    journal.#lines = content.entries.length;
    return { journal, content };
  }

  /** How many lines a reader would have to fold. */
  get lines(): number {
    return this.#lines;
  }

  /** False after a failure, when the file may hold something else than was acknowledged: only `rewrite` makes it whole again. */
  get sound(): boolean {
    return this.#sound;
  }

  /** Writes entries as one, or throws and leaves the file as it was. */
  append(entries: readonly unknown[]): void {
    const text = entries.map(lineOf).join('');
    const bytes = Buffer.from(text);
    try {
      let written = 0;
      while (written < bytes.length) written += writeSync(this.#fd, bytes, written, bytes.length - written, this.#size + written);
    } catch (error) {
      // A part of the line may be in the file: take it out in the same turn, before anything else can be written behind it.
      this.#sound = false;
      ftruncateSync(this.#fd, this.#size);
      this.#sound = true;
      // The file that replaces this one may find the room that this one did not.
      if (this.#meanwhile !== undefined) this.#meanwhile += text;
      throw error;
    }
    this.#size += bytes.length;
    this.#lines += entries.length;
    if (this.#meanwhile !== undefined) this.#meanwhile += text;
  }

  /** Resolves when everything appended before is on the disk itself. */
  sync(): Promise<void> {
    const fd = this.#fd;
    const synced = new Promise<void>((resolve, reject) => {
      fdatasync(fd, (error) => {
        this.#syncing.delete(synced);
        // What was in a file that has been replaced meanwhile is in the new one, durably.
        if (error === null || fd !== this.#fd) return resolve();
        // After a failed sync the system may have dropped what it could not write: the file is not to be trusted any more.
        this.#sound = false;
        reject(error);
      });
    });
    this.#syncing.add(synced);
    return synced;
  }

  /** Replaces the file by one with these entries and whatever is appended meanwhile. One at a time. */
  async rewrite(entries: readonly unknown[]): Promise<void> {
    const next = `${this.#path}.next`;
    this.#meanwhile = '';
    try {
      const text = entries.map(lineOf).join('');
      await writeFileDurably(next, text);
      if (this.#closed) throw new Error('the journal was closed while it was replaced');
      const fd = openSync(next, 'r+');
      const head = Buffer.byteLength(text);
      const tail = Buffer.from(this.#meanwhile);
      try {
        if (tail.length > 0) {
          writeSync(fd, tail, 0, tail.length, head);
          // In this turn, since the old file that holds these lines durably is about to lose its name.
          fsyncSync(fd);
        }
        renameSync(next, this.#path);
      } catch (error) {
        closeSync(fd);
        throw error;
      }
      const old = this.#fd;
      this.#fd = fd;
      this.#size = head + tail.length;
      this.#lines = entries.length;
      this.#sound = true;
      // Its number may be given to another file as soon as it is closed: not while a sync still uses it.
      void Promise.allSettled(this.#syncing).then(() => closeSync(old));
    } finally {
      this.#meanwhile = undefined;
    }
    try {
      await syncFolder(dirname(this.#path));
    } catch (error) {
      // The name may still be that of the old file, which holds nothing of what is appended from now on.
      this.#sound = false;
      throw error;
    }
  }

  close(): void {
    this.#closed = true;
    closeSync(this.#fd);
  }
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function lineOf(entry: unknown): string {
  const json = JSON.stringify(entry);
  return `${crc32(json).toString(16).padStart(8, '0')} ${json}\n`;
}

function parse(path: string, bytes: Buffer): { readonly content: JournalContent; readonly soundBytes: number } {
  const entries: unknown[] = [];
  let at = 0;
  while (at < bytes.length) {
    const end = bytes.indexOf(10, at);
    const entry = end < 0 ? undefined : entryOf(bytes.toString('utf8', at, end));
    if (entry === undefined) {
      const isLast = end < 0 || end === bytes.length - 1;
      if (!isLast) {
        throw new JournalDamage(
          `journal ${path} is damaged at byte ${at}, with entries behind it; restore the file, or move it away and declare the services again`,
        );
      }
      return { content: { entries, tail: end < 0 ? 'torn' : 'damaged' }, soundBytes: at };
    }
    entries.push(entry.value);
    at = end + 1;
  }
  return { content: { entries, tail: 'whole' }, soundBytes: at };
}

function entryOf(line: string): { readonly value: unknown } | undefined {
  const json = line.slice(9);
  if (line[8] !== ' ' || crc32(json).toString(16).padStart(8, '0') !== line.slice(0, 8)) return undefined;
  return { value: JSON.parse(json) };
}
