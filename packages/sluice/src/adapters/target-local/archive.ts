import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { digestFromHex, err, ok, parseGlob, type Digest, type Result } from '#kernel';
import { syncFolder } from '#host';
import { type ArchiveEntry } from './archive-format.ts';
import { ArtifactProblem, ArtifactTree, type Found } from './artifact-tree.ts';
import { ProvenanceCheck, type PackedContents, type Provenance } from './provenance.ts';

/** A packed artifact: `path` is the archive, named by its digest; `contents` tells where its files come from, when that was asked. */
export type PackedArtifact = {
  readonly digest: Digest;
  readonly path: string;
  readonly files: readonly string[];
  readonly bytes: number;
  readonly contents?: PackedContents;
};

export type PackOptions = {
  /** Names the list in messages (`services.api.files`). */
  readonly label?: string;
  /** With it, each file is the commit's, byte for byte, or lies below a declared output; anything else is refused. */
  readonly provenance?: Provenance;
};

/** Never part of an artifact, whatever a pattern says: it differs between two clones of one commit. */
const excluded: ReadonlySet<string> = new Set(['.git', '.sluice']);

/**
 * Packs the files that the patterns select into `outFolder/<sha256>.tar`. The same files give the same bytes on every machine; an archive that is there
 * already is kept.
 */
export async function packArtifact(
  projectFolder: string,
  patterns: readonly string[],
  outFolder: string,
  { label = 'files', provenance }: PackOptions = {},
): Promise<Result<PackedArtifact, { readonly message: string }>> {
  const temporary = join(outFolder, `.pack-${randomBytes(6).toString('hex')}`);
  try {
    using tree = new ArtifactTree(projectFolder);
    const entries = await selectEntries(tree, patterns, label);
    const check = provenance === undefined ? undefined : new ProvenanceCheck(provenance, label);
    check?.checkSelection(patterns, entries);
    await mkdir(outFolder, { recursive: true });
    const { digest, bytes } = await writeArchive(
      tree.archiveBytes(entries, (entry) => check?.watch(entry)),
      temporary,
    );
    const path = join(outFolder, `${digest.slice('sha256:'.length)}.tar`);
    await rename(temporary, path);
    await syncFolder(outFolder);
    const files = entries.filter((entry) => entry.kind !== 'folder').map((entry) => entry.path);
    return ok({ digest, path, bytes, files, ...(check === undefined ? {} : { contents: check.contents() }) });
  } catch (error) {
    await rm(temporary, { force: true });
    if (error instanceof ArtifactProblem) return err({ message: error.message });
    if (isSystemError(error)) return err({ message: `${label}: cannot pack the artifact: ${error.message}` });
    throw error;
  }
}

/** The digest of the archive that a folder would give: what an extracted tree holds now, measured from its bytes. */
export async function measureTree(folder: string): Promise<Digest> {
  using tree = new ArtifactTree(folder);
  const hash = createHash('sha256');
  for await (const bytes of tree.archiveBytes(await entriesOf(tree, await tree.below()))) hash.update(bytes);
  return digestFromHex(hash.digest('hex'));
}

/** An error of the operating system, which a message can explain. */
export const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string';

async function writeArchive(content: AsyncIterable<Buffer>, path: string): Promise<{ digest: Digest; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  await using file = await open(path, 'wx', 0o600);
  for await (const chunk of content) {
    hash.update(chunk);
    bytes += chunk.length;
    await file.writeFile(chunk);
  }
  await file.sync();
  await chmod(path, 0o400);
  return { digest: digestFromHex(hash.digest('hex')), bytes };
}

async function selectEntries(tree: ArtifactTree, patterns: readonly string[], label: string): Promise<readonly ArchiveEntry[]> {
  const selected = new Map<string, Found>();
  for (const [at, source] of patterns.entries()) {
    const glob = parseGlob(source);
    if (source.startsWith('/') || source.split('/').includes('..'))
      throw new ArtifactProblem(`${label}[${at}]: "${source}" leads out of the project`);
    const all = await candidates(tree, glob.base, `${label}[${at}]`);
    const found = all.filter(({ path }) => glob.matches(path));
    const lost = all.find(({ path, kind }) => kind === 'link' && !glob.matches(path) && glob.reaches(path) && tree.leadsToFolder(path));
    if (lost !== undefined)
      throw new ArtifactProblem(
        `${label}[${at}]: "${source}" means what lies behind the link "${lost.path}". Name the folder that it leads to`,
      );
    // A pattern that selects nothing is a typing mistake that would otherwise be noticed in production.
    if (found.length === 0) throw new ArtifactProblem(`${label}[${at}]: "${source}" matches no file`);
    for (const each of found) selected.set(each.path, each);
  }
  return withFolders(await entriesOf(tree, [...selected.values()]));
}

/** Whatever is no folder, at or below `base`. */
async function candidates(tree: ArtifactTree, base: string, label: string): Promise<readonly Found[]> {
  if (base.split('/').some((part) => excluded.has(part))) return [];
  const kind = kindAt(tree, base, label);
  if (kind === undefined) return [];
  return kind === 'folder' ? (await tree.below(base, excluded)).filter((found) => found.kind !== 'folder') : [{ path: base, kind }];
}

function kindAt(tree: ArtifactTree, base: string, label: string): Found['kind'] | undefined {
  try {
    return tree.kindOf(base);
  } catch (error) {
    if (error instanceof ArtifactProblem) throw new ArtifactProblem(`${label}: ${error.message}. Name the folder that it leads to`);
    throw error;
  }
}

async function entriesOf(tree: ArtifactTree, found: readonly Found[]): Promise<readonly ArchiveEntry[]> {
  const entries: ArchiveEntry[] = [];
  for (const { path } of found) entries.push(await tree.entryAt(path));
  return entries;
}

/** The folders that the files lie in stand in the archive too, so that an added or missing folder changes the digest. */
function withFolders(entries: readonly ArchiveEntry[]): readonly ArchiveEntry[] {
  const folders = new Set<string>();
  for (const { path } of entries) {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth += 1) folders.add(parts.slice(0, depth).join('/'));
  }
  return [...entries, ...[...folders].map((path) => ({ kind: 'folder', path }) as const)];
}
