import { createHash, randomBytes } from 'node:crypto';
import { chmod, lstat, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { digestFromHex, err, ok, type Digest, type Result } from '#kernel';
import { syncFolder } from '#host';
import { type ArchiveEntry } from './archive-format.ts';
import { archiveBytes, ArtifactProblem, entryAt, pathsBelow } from './artifact-tree.ts';
import { compileGlob } from './glob.ts';

/** A packed artifact: `path` is the archive, named by its digest. */
export type PackedArtifact = { readonly digest: Digest; readonly path: string; readonly files: readonly string[]; readonly bytes: number };

/** Never part of an artifact, whatever a pattern says: it differs between two clones of one commit. */
const excluded = ['.git', '.sluice'];

/**
 * Packs the files that the patterns select into `outFolder/<sha256>.tar`. `!pattern` takes files out again. `label` names the list in messages
 * (`services.api.files`). The same files give the same bytes on every machine; an archive that is there already is kept.
 */
export async function packArtifact(
  projectFolder: string,
  globs: readonly string[],
  outFolder: string,
  label = 'files',
): Promise<Result<PackedArtifact, { readonly message: string }>> {
  const temporary = join(outFolder, `.pack-${randomBytes(6).toString('hex')}`);
  try {
    const entries = await selectEntries(projectFolder, globs, label);
    await mkdir(outFolder, { recursive: true });
    const { digest, bytes } = await writeArchive(projectFolder, entries, temporary);
    const path = join(outFolder, `${digest.slice('sha256:'.length)}.tar`);
    await rename(temporary, path);
    await syncFolder(outFolder);
    return ok({ digest, path, bytes, files: entries.filter((entry) => entry.kind !== 'folder').map((entry) => entry.path) });
  } catch (error) {
    await rm(temporary, { force: true });
    if (error instanceof ArtifactProblem) return err({ message: error.message });
    if (isSystemError(error)) return err({ message: `${label}: cannot pack the artifact: ${error.message}` });
    throw error;
  }
}

/** The digest of the archive that a folder would give: what an extracted tree holds now, measured from its bytes. */
export async function measureTree(folder: string): Promise<Digest> {
  const paths = await pathsBelow(folder);
  const hash = createHash('sha256');
  const entries = await Promise.all(paths.map((path) => entryAt(folder, path)));
  for await (const bytes of archiveBytes(folder, entries)) hash.update(bytes);
  return digestFromHex(hash.digest('hex'));
}

/** An error of the operating system, which a message can explain. */
export const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string';

async function writeArchive(folder: string, entries: readonly ArchiveEntry[], path: string): Promise<{ digest: Digest; bytes: number }> {
  const hash = createHash('sha256');
  let bytes = 0;
  await using file = await open(path, 'wx', 0o600);
  for await (const chunk of archiveBytes(folder, entries)) {
    hash.update(chunk);
    bytes += chunk.length;
    await file.writeFile(chunk);
  }
  await file.sync();
  await chmod(path, 0o400);
  return { digest: digestFromHex(hash.digest('hex')), bytes };
}

async function selectEntries(folder: string, globs: readonly string[], label: string): Promise<readonly ArchiveEntry[]> {
  const without = globs.filter((source) => source.startsWith('!')).map((source) => compileGlob(source.slice(1)));
  const paths = new Set<string>();
  for (const [at, source] of globs.entries()) {
    if (source.startsWith('!')) continue;
    const glob = compileGlob(source);
    if (glob.root.split('/').includes('..') || glob.root.startsWith('/'))
      throw new ArtifactProblem(`${label}[${at}]: "${source}" leads out of the project`);
    const found = (await candidates(folder, glob.root)).filter(
      (path) => glob.matches(path) && !without.some((other) => other.matches(path)),
    );
    // A pattern that selects nothing is a typing mistake that would otherwise be noticed in production.
    if (found.length === 0) throw new ArtifactProblem(`${label}[${at}]: "${source}" matches no file`);
    for (const path of found) paths.add(path);
  }
  const entries = await Promise.all([...paths].map((path) => entryAt(folder, path)));
  return withFolders(entries);
}

/** Files and links at or below `root`. */
async function candidates(folder: string, root: string): Promise<readonly string[]> {
  const first = await lstat(join(folder, root)).catch(() => undefined);
  if (first === undefined) return [];
  const below = first.isDirectory() ? await pathsBelow(folder, root) : [root];
  const kept = below.filter((path) => !path.split('/').some((part) => excluded.includes(part)));
  const kinds = await Promise.all(kept.map(async (path) => ((await lstat(join(folder, path))).isDirectory() ? [] : [path])));
  return kinds.flat();
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
