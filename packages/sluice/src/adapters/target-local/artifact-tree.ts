import { createReadStream } from 'node:fs';
import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { archiveEnd, byPath, headerOf, paddingAfter, type ArchiveEntry } from './archive-format.ts';
import { linkProblem } from './link-target.ts';

/** Something about the files themselves is wrong; the message is for people. */
export class ArtifactProblem extends Error {
  override readonly name = 'ArtifactProblem';
}

/** The entry of one path below a folder, as it lies on disk. */
export async function entryAt(folder: string, path: string): Promise<ArchiveEntry> {
  const stats = await lstat(join(folder, path));
  if (stats.isDirectory()) return { kind: 'folder', path };
  if (stats.isFile()) return { kind: 'file', path, executable: (stats.mode & 0o111) !== 0, size: stats.size };
  if (!stats.isSymbolicLink()) throw new ArtifactProblem(`${path} is neither a file, a folder nor a link`);
  const to = await readlink(join(folder, path));
  const problem = linkProblem(path, to);
  if (problem !== undefined) throw new ArtifactProblem(problem);
  return { kind: 'link', path, to };
}

/** Every path below a folder, folders included, links not followed. */
export async function pathsBelow(folder: string, under = ''): Promise<readonly string[]> {
  const found: string[] = [];
  for (const child of await readdir(join(folder, under), { withFileTypes: true })) {
    const path = under === '' ? child.name : `${under}/${child.name}`;
    found.push(path);
    if (child.isDirectory()) found.push(...(await pathsBelow(folder, path)));
  }
  return found;
}

/** The bytes of the archive of these entries, whose content lies below `folder`. */
export async function* archiveBytes(folder: string, entries: readonly ArchiveEntry[]): AsyncGenerator<Buffer> {
  for (const entry of entries.toSorted(byPath)) {
    yield headerOf(entry);
    if (entry.kind !== 'file') continue;
    let read = 0;
    for await (const chunk of contentOf(join(folder, entry.path), entry.size)) {
      read += chunk.length;
      yield chunk;
    }
    if (read !== entry.size) throw new ArtifactProblem(`${entry.path} changed while it was read: ${entry.size} bytes, then ${read}`);
    yield Buffer.alloc(paddingAfter(read));
  }
  yield archiveEnd();
}

/** Small files, of which an artifact has thousands, are read at once: a stream costs more than their content. */
async function* contentOf(path: string, size: number): AsyncGenerator<Buffer> {
  if (size <= PIECE) yield await readFile(path);
  else for await (const chunk of createReadStream(path, { highWaterMark: PIECE })) yield chunk as Buffer;
}

const PIECE = 1 << 20;
