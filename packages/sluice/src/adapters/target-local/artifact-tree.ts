import { closeSync, fstatSync, read } from 'node:fs';
import { promisify } from 'node:util';
import { HeldFolder, PathRefused, resolveInside, shownPath, type Listed } from '#host';
import { archiveEnd, byPath, headerOf, paddingAfter, type ArchiveEntry } from './archive-format.ts';
import { linkProblem, pathProblem } from './link-target.ts';

/** Something about the files themselves is wrong; the message is for people. */
export class ArtifactProblem extends Error {
  override readonly name = 'ArtifactProblem';
}

/** What an archive, and a tree that one was extracted to, may hold at most: it keeps a damaged, hostile or sparse one from filling the disk. */
export const artifactLimits = { entries: 500_000, bytes: 4 * 1024 ** 3 } as const;

/** What was found at a path, before it is looked at. */
export type Found = { readonly path: string; readonly kind: Listed['kind'] };

/** Looks at the content of an entry while it is packed; `end` throws when it is not what it has to be. */
export type EntryWatch = { readonly push: (bytes: Uint8Array) => void; readonly end: () => void };

/** The folder of an artifact, held open: what is listed, measured and packed lies beneath it, and no link on the way is followed. */
export class ArtifactTree implements Disposable {
  readonly #path: string;
  readonly #folder: HeldFolder;
  #looks = 0;

  constructor(path: string) {
    this.#path = path;
    this.#folder = new HeldFolder(path);
  }

  /** What stands at a path; undefined when nothing does. A path over a link is refused. */
  kindOf(path: string): Listed['kind'] | undefined {
    const stats = plainly(() => this.#folder.stats(path));
    if (stats === undefined) return undefined;
    return stats.isDirectory() ? 'folder' : stats.isFile() ? 'file' : stats.isSymbolicLink() ? 'link' : 'other';
  }

  /** Whether a link leads to a folder, or to where nobody may look. */
  leadsToFolder(path: string): boolean {
    const found = resolveInside(this.#folder, this.#path, path);
    return found.kind === 'refused' || (found.kind === 'found' && found.stats.isDirectory());
  }

  /** The entry of one path, as it lies on disk. */
  async entryAt(path: string): Promise<ArchiveEntry> {
    await this.#pause();
    return plainly(() => {
      const problem = pathProblem(path);
      if (problem !== undefined) throw new ArtifactProblem(problem);
      const stats = this.#folder.stats(path);
      if (stats === undefined) throw new ArtifactProblem(`${shownPath(path)} went away while it was read`);
      if (stats.isDirectory()) return { kind: 'folder', path };
      if (stats.isFile()) return { kind: 'file', path, executable: (stats.mode & 0o111) !== 0, size: stats.size };
      if (!stats.isSymbolicLink()) throw new ArtifactProblem(`${path} is neither a file, a folder nor a link`);
      const to = this.#folder.link(path);
      const wrong = linkProblem(path, to);
      if (wrong !== undefined) throw new ArtifactProblem(wrong);
      return { kind: 'link', path, to };
    });
  }

  /** Everything below a folder, folders too, links not followed; nothing below those of these names. */
  async below(under = '', without: ReadonlySet<string> = nothing): Promise<readonly Found[]> {
    const found: Found[] = [];
    const open = [under];
    for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
      await this.#pause();
      const here = folder;
      for (const { name, kind } of plainly(() => this.#folder.list(here))) {
        if (without.has(name)) continue;
        const path = here === '' ? name : `${here}/${name}`;
        found.push({ path, kind });
        if (kind === 'folder') open.push(path);
        if (found.length > artifactLimits.entries)
          throw new ArtifactProblem(`more than ${artifactLimits.entries} files lie below "${shownPath(under)}"`);
      }
    }
    return found;
  }

  /** The bytes of the archive of these entries. */
  async *archiveBytes(
    entries: readonly ArchiveEntry[],
    watch: (entry: ArchiveEntry) => EntryWatch | undefined = unwatched,
  ): AsyncGenerator<Buffer> {
    checkSize(entries);
    for (const entry of entries.toSorted(byPath)) {
      yield headerOf(entry);
      const watching = watch(entry);
      if (entry.kind === 'link') watching?.push(Buffer.from(entry.to));
      if (entry.kind === 'file') {
        for await (const chunk of this.#content(entry)) {
          watching?.push(chunk);
          yield chunk;
        }
        yield Buffer.alloc(paddingAfter(entry.size));
      }
      watching?.end();
    }
    yield archiveEnd();
  }

  async *#content({ path, size }: Extract<ArchiveEntry, { readonly kind: 'file' }>): AsyncGenerator<Buffer> {
    const { fd, stats } = plainly(() => this.#folder.openFile(path));
    try {
      let seen = 0;
      while (seen < size) {
        const chunk = Buffer.allocUnsafe(Math.min(PIECE, size - seen));
        const { bytesRead } = await reading(fd, chunk, 0, chunk.length, seen);
        if (bytesRead === 0) break;
        seen += bytesRead;
        yield chunk.subarray(0, bytesRead);
      }
      const now = fstatSync(fd);
      if (seen !== size || now.size !== size || now.mtimeMs !== stats.mtimeMs || now.ctimeMs !== stats.ctimeMs)
        throw new ArtifactProblem(`${path} changed while it was read: ${size} bytes, then ${now.size}`);
    } finally {
      closeSync(fd);
    }
  }

  /** Looks are quick and do not wait; between so many of them others get their turn. */
  async #pause(): Promise<void> {
    this.#looks += 1;
    if (this.#looks % LOOKS === 0) await new Promise((resolve) => setImmediate(resolve));
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

/** Before anything is written: one file alone may be larger than all that an archive holds, and have no room on any disk. */
function checkSize(entries: readonly ArchiveEntry[]): void {
  const files = entries.flatMap((entry) => (entry.kind === 'file' ? [entry] : []));
  if (files.reduce((sum, { size }) => sum + size, 0) <= artifactLimits.bytes) return;
  const [largest] = files.toSorted((a, b) => b.size - a.size);
  throw new ArtifactProblem(`an artifact has at most ${artifactLimits.bytes} bytes, and ${largest?.path} alone has ${largest?.size}`);
}

const PIECE = 1 << 20;
const LOOKS = 200;
const nothing: ReadonlySet<string> = new Set();
const unwatched = (): undefined => undefined;
const reading = promisify(read);

function plainly<T>(look: () => T): T {
  try {
    return look();
  } catch (error) {
    if (error instanceof PathRefused) throw new ArtifactProblem(error.message);
    throw error;
  }
}
