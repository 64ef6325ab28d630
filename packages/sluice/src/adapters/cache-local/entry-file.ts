import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs';
import { digestFromHex, digestOf, isDigest, type Digest } from '#kernel';
import type { KeyParts } from './key.ts';
import type { OutputNode } from './output-tree.ts';

/** What an entry says of itself. Contents of files follow each other in the order of the nodes, the log last. */
export type Manifest = {
  readonly version: 1;
  readonly key: Digest;
  readonly job: string;
  readonly runId: string;
  readonly storedAt: string;
  readonly parts: KeyParts;
  readonly roots: readonly string[];
  readonly nodes: readonly OutputNode[];
  readonly outputs: Digest;
  readonly log: { readonly size: number; readonly digest: Digest } | undefined;
};

/**
 * One result as one file: the contents, then the manifest, then its length and digest. One file, because one rename makes it visible, one unlink
 * removes it, and who has it open reads it to the end whatever happens to its name.
 */
const magic = Buffer.from('sluice-1');
const footerBytes = magic.length + 8 + 32;
const chunkBytes = 1 << 18;
const zeros = Buffer.alloc(chunkBytes);

/** Whether a piece is nothing but zeros, which a file holds without room on the disk. */
export const isHole = (bytes: Uint8Array): boolean => bytes.length >= 4_096 && zeros.subarray(0, bytes.length).equals(bytes);

/** Writes an entry from front to back. */
export class EntryWriter implements Disposable {
  readonly fd: number;
  #at = 0;

  constructor(path: string) {
    this.fd = openSync(path, 'wx', 0o600);
  }

  /** Appends `size` bytes of an open file, from its start; `onChunk` sees all of them. */
  append(
    from: number,
    { size, sparse }: { readonly size: number; readonly sparse: boolean },
    onChunk: (bytes: Uint8Array) => void,
  ): { readonly size: number; readonly digest: Digest } {
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, Math.max(1, size)));
    let done = 0;
    while (done < size) {
      const read = readSync(from, buffer, 0, Math.min(buffer.length, size - done), done);
      if (read === 0) break;
      const bytes = buffer.subarray(0, read);
      hash.update(bytes);
      onChunk(bytes);
      // What takes no room in the file it comes from takes none here.
      if (sparse && isHole(bytes)) this.#at += read;
      else this.#write(bytes);
      done += read;
    }
    return { size: done, digest: digestFromHex(hash.digest('hex')) };
  }

  end(manifest: Manifest): void {
    const body = Buffer.from(JSON.stringify(manifest));
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(body.length));
    this.#write(Buffer.concat([body, createHash('sha256').update(body).digest(), length, magic]));
  }

  #write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const written = writeSync(this.fd, bytes, at, bytes.length - at, this.#at);
      at += written;
      this.#at += written;
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}

/** An entry that is open for reading; it stays readable when it is evicted meanwhile. */
export class EntryReader implements Disposable {
  readonly fd: number;
  readonly manifest: Manifest;

  private constructor(fd: number, manifest: Manifest) {
    this.fd = fd;
    this.manifest = manifest;
  }

  /** Undefined when there is no such entry; throws `DamagedEntry` when it is not what was written. */
  static open(path: string, key: Digest): EntryReader | undefined {
    let fd: number;
    try {
      fd = openSync(path, 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    try {
      const manifest = readManifest(fd);
      if (manifest.key !== key) throw new DamagedEntry('it is the entry of another key');
      return new EntryReader(fd, manifest);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** Hands over `size` bytes from `from` in chunks and checks their digest; throws `DamagedEntry` when they are not what was stored. */
  read(from: number, { size, digest }: { readonly size: number; readonly digest: Digest }, onChunk: (bytes: Uint8Array) => void): void {
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, Math.max(1, size)));
    for (let done = 0; done < size;) {
      const read = readSync(this.fd, buffer, 0, Math.min(buffer.length, size - done), from + done);
      if (read === 0) throw new DamagedEntry('it is cut short');
      const bytes = buffer.subarray(0, read);
      hash.update(bytes);
      onChunk(bytes);
      done += read;
    }
    if (digestFromHex(hash.digest('hex')) !== digest) throw new DamagedEntry('its content does not have the digest it was stored with');
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}

/** An entry is not what was written: it is never delivered (I12). */
export class DamagedEntry extends Error {
  override readonly name = 'DamagedEntry';
}

function readManifest(fd: number): Manifest {
  const { size } = fstatSync(fd);
  // Most entries are small: one read gets the footer and the manifest before it.
  const tail = readAt(fd, Math.max(0, size - 65_536), Math.min(size, 65_536));
  if (tail.length < footerBytes || !tail.subarray(-magic.length).equals(magic)) throw new DamagedEntry('it is cut short');
  const length = Number(tail.readBigUInt64BE(tail.length - magic.length - 8));
  if (length > size - footerBytes) throw new DamagedEntry('it is cut short');
  const stored = tail.subarray(tail.length - footerBytes, tail.length - footerBytes + 32).toString('hex');
  const body =
    length + footerBytes <= tail.length
      ? tail.subarray(tail.length - footerBytes - length, tail.length - footerBytes)
      : readAt(fd, size - footerBytes - length, length);
  if (digestOf(body) !== `sha256:${stored}`) throw new DamagedEntry('its manifest does not have the digest it was stored with');
  const manifest = JSON.parse(body.toString()) as Manifest; // written by us: its digest says so
  if (manifest.version !== 1 || !isDigest(manifest.key)) throw new DamagedEntry('it is of another version');
  return manifest;
}

function readAt(fd: number, from: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const read = readSync(fd, buffer, done, length - done, from + done);
    if (read === 0) break;
    done += read;
  }
  return buffer.subarray(0, done);
}
