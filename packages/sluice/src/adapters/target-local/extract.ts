import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, lstat, mkdir, open, readdir, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { digestFromHex, err, ok, shortDigest, type Digest, type Result } from '#kernel';
import { syncFolder } from '#host';
import { BLOCK, paddingAfter, readHeader, readPax, type ArchiveEntry } from './archive-format.ts';
import { isSystemError, measureTree } from './archive.ts';
import { artifactLimits } from './artifact-tree.ts';
import { linkProblem, pathProblem } from './link-target.ts';

/** Limits that keep a damaged or hostile archive from filling the disk. */
const limits = { ...artifactLimits, pax: 64 * 1024 } as const;

/** Why an archive was not extracted; nothing of it is left on disk then. */
export type ExtractProblem = { readonly kind: 'archive-unreadable' | 'digest-mismatch' | 'refused'; readonly message: string };

class BadArchive extends Error {}

/**
 * Extracts an archive into `treesFolder/<sha256>`, a read-only tree, all or nothing: it is written beside, its bytes' digest is compared with
 * the one asked for, and only then it gets its name. A tree that is there already is measured again before it is used.
 */
export async function extractArchive(archive: string, digest: Digest, treesFolder: string): Promise<Result<string, ExtractProblem>> {
  const tree = join(treesFolder, digest.slice('sha256:'.length));
  // Two slots may want one artifact at once: a second extraction would replace the tree in which the first one's instances run.
  const mine = (underWay.get(tree) ?? Promise.resolve()).then(() => extractAlone(archive, digest, treesFolder));
  const settled = mine.then(
    () => undefined,
    () => undefined,
  );
  underWay.set(tree, settled);
  try {
    return await mine;
  } finally {
    if (underWay.get(tree) === settled) underWay.delete(tree);
  }
}

const underWay = new Map<string, Promise<void>>();

async function extractAlone(archive: string, digest: Digest, treesFolder: string): Promise<Result<string, ExtractProblem>> {
  const tree = join(treesFolder, digest.slice('sha256:'.length));
  const temporary = join(treesFolder, `.extract-${randomBytes(6).toString('hex')}`);
  try {
    await mkdir(treesFolder, { recursive: true, mode: 0o700 });
    if (await isIntact(tree, digest)) return ok(tree);
    await mkdir(temporary, { mode: 0o700 });
    const measured = await extractInto(archive, temporary);
    if (measured !== digest) {
      await removeTree(temporary);
      return err({
        kind: 'digest-mismatch',
        message: `${archive} holds ${shortDigest(measured)}, the order says ${shortDigest(digest)}: pack the release again`,
      });
    }
    await makeReadOnly(temporary);
    await removeTree(tree);
    await rename(temporary, tree);
    await syncFolder(treesFolder);
    return ok(tree);
  } catch (error) {
    await removeTree(temporary);
    return err(explain(error, archive, treesFolder));
  }
}

/** Removes a read-only tree. */
export async function removeTree(tree: string): Promise<void> {
  const stats = await lstat(tree).catch(() => undefined);
  if (stats === undefined) return;
  await makeWritable(tree);
  await rm(tree, { recursive: true, force: true });
}

async function isIntact(tree: string, digest: Digest): Promise<boolean> {
  if ((await lstat(tree).catch(() => undefined)) === undefined) return false;
  return measureTree(tree).then(
    (measured) => measured === digest,
    () => false,
  );
}

function explain(error: unknown, archive: string, treesFolder: string): ExtractProblem {
  if (error instanceof BadArchive) return { kind: 'archive-unreadable', message: `${archive} is no artifact: ${error.message}` };
  if (!isSystemError(error)) throw error;
  const full = error.code === 'ENOSPC' || error.code === 'EDQUOT' || error.code === 'EFBIG';
  if (full) return { kind: 'refused', message: `no space left to extract ${archive} below ${treesFolder}: free some and deploy again` };
  if (error.path === archive)
    return { kind: 'archive-unreadable', message: `cannot read the archive ${archive}: ${error.code ?? error.message}` };
  return { kind: 'refused', message: `cannot extract ${archive} below ${treesFolder}: ${error.message}` };
}

/** Extracts and answers with the digest of the archive's bytes. */
async function extractInto(archive: string, folder: string): Promise<Digest> {
  const hash = createHash('sha256');
  const reader = new BlockReader(createReadStream(archive, { highWaterMark: 1 << 20 }), (chunk) => hash.update(chunk));
  const folders = new Set<string>(['.']);
  let pax: ReadonlyMap<string, string> | undefined;
  let total = 0;
  for (let count = 0; ; count += 1) {
    if (count > limits.entries) throw new BadArchive(`more than ${limits.entries} entries`);
    const header = readHeader(await reader.exactly(BLOCK));
    if (header === undefined) break;
    if ('problem' in header) throw new BadArchive(header.problem);
    if (header.kind === 'pax') {
      if (header.size > limits.pax) throw new BadArchive('an oversized header');
      pax = readPax(await reader.exactly(header.size));
      if (pax === undefined) throw new BadArchive('a damaged header');
      await reader.exactly(paddingAfter(header.size));
      continue;
    }
    total += header.size;
    if (total > limits.bytes) throw new BadArchive(`more than ${limits.bytes} bytes`);
    const path = pax?.get('path') ?? header.path;
    const to = pax?.get('linkpath') ?? header.to;
    pax = undefined;
    await writeEntry(folder, folders, checked({ ...header, kind: header.kind, path, to }), reader);
  }
  if (!(await reader.exactly(BLOCK)).every((byte) => byte === 0)) throw new BadArchive('its end is missing');
  await reader.end();
  return digestFromHex(hash.digest('hex'));
}

function checked(entry: { kind: ArchiveEntry['kind']; path: string; to: string; size: number; executable: boolean }): ArchiveEntry {
  const problem = pathProblem(entry.path) ?? (entry.kind === 'link' ? linkProblem(entry.path, entry.to) : undefined);
  if (problem !== undefined) throw new BadArchive(problem);
  return entry;
}

async function writeEntry(folder: string, folders: Set<string>, entry: ArchiveEntry, reader: BlockReader): Promise<void> {
  // A parent that is not a folder of this very archive could be a link, through which a file would land elsewhere.
  if (!folders.has(dirname(entry.path))) throw new BadArchive(`${entry.path} stands before its folder`);
  const path = join(folder, entry.path);
  switch (entry.kind) {
    case 'folder':
      await mkdir(path, { mode: 0o700 });
      folders.add(entry.path);
      return;
    case 'link':
      await symlink(entry.to, path);
      return;
    case 'file': {
      await using file = await open(path, 'wx', 0o600);
      for await (const chunk of reader.upTo(entry.size)) await file.writeFile(chunk);
      await file.chmod(entry.executable ? 0o555 : 0o444);
      await reader.exactly(paddingAfter(entry.size));
    }
  }
}

async function makeReadOnly(folder: string): Promise<void> {
  for (const child of await readdir(folder, { withFileTypes: true })) if (child.isDirectory()) await makeReadOnly(join(folder, child.name));
  await chmod(folder, 0o555);
}

async function makeWritable(folder: string): Promise<void> {
  await chmod(folder, 0o700);
  for (const child of await readdir(folder, { withFileTypes: true })) if (child.isDirectory()) await makeWritable(join(folder, child.name));
}

/** Reads a stream in pieces of the asked sizes and shows every byte, in order, to `seen`. */
class BlockReader {
  readonly #source: AsyncIterator<Buffer>;
  readonly #seen: (chunk: Buffer) => void;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>, seen: (chunk: Buffer) => void) {
    this.#source = source[Symbol.asyncIterator]();
    this.#seen = seen;
  }

  async exactly(size: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of this.upTo(size)) parts.push(part);
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  }

  async *upTo(size: number): AsyncGenerator<Buffer> {
    for (let left = size; left > 0;) {
      if (this.#rest.length === 0 && !(await this.#more())) throw new BadArchive('it is cut short');
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  /** Nothing may follow the end: bytes that are not extracted would still be in the digest. */
  async end(): Promise<void> {
    if (this.#rest.length > 0 || (await this.#more())) throw new BadArchive('bytes follow its end');
  }

  async #more(): Promise<boolean> {
    const next = await this.#source.next();
    if (next.done === true) return false;
    this.#seen(next.value);
    this.#rest = next.value;
    return true;
  }
}
