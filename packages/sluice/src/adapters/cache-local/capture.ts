import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs';
import { PathRefused, resolveInside, shownPath, type HeldFolder } from '#host';
import type { Digest } from '#kernel';
import type { PlannedJob } from '#run';
import { SecretSearch, type SecretPatterns } from '#run';
import type { EntryWriter } from './entry-file.ts';
import { markOf, sameMark } from './file-index.ts';
import { permissions, rootsOf, walk, type OutputNode } from './output-tree.ts';

/** What was packed: everything a job left behind, and its log. */
export type Captured = {
  readonly nodes: readonly OutputNode[];
  readonly log: { readonly size: number; readonly digest: Digest } | undefined;
};

export type CaptureOptions = {
  readonly project: HeldFolder;
  /** Absolute path of the project. */
  readonly root: string;
  readonly logFile: string;
  /** With these nothing is packed that holds a secret (I11). */
  readonly secrets: SecretPatterns | undefined;
  /** What the whole cache may hold. */
  readonly maximumBytes: number;
};

/** Packs everything a job left behind, and its log, into an entry. Throws `PathRefused` for what could not be brought back exactly. */
export function capture(writer: EntryWriter, job: PlannedJob, options: CaptureOptions): Captured {
  const { project, secrets, logFile, maximumBytes } = options;
  const nodes: OutputNode[] = [];
  let total = 0;
  for (const root of rootsOf(job)) {
    const before = nodes.length;
    for (const { path, stats } of walk(project, root)) {
      if (stats.isDirectory()) {
        nodes.push({ kind: 'folder', path, mode: permissions(stats) });
      } else if (stats.isSymbolicLink()) {
        nodes.push({ kind: 'link', path, target: targetOf(path, job, options) });
      } else {
        if (!stats.isFile()) throw new PathRefused(path, 'is neither a file, a folder nor a link');
        if ((stats.mode & 0o6000) !== 0) throw new PathRefused(path, 'runs with the rights of its owner or group');
        total += stats.size;
        if (total > maximumBytes) throw new PathRefused(path, `has ${stats.size} bytes, and all of the cache ${maximumBytes}`);
        const content = packed(writer, path, stats, project, secrets);
        nodes.push({ kind: 'file', path, mode: permissions(stats), ...content, ...(isSparse(stats) ? { sparse: true } : {}) });
      }
    }
    if (nodes.length === before) throw new PathRefused(root, 'was not made by the job');
  }
  return { nodes, log: packedLog(writer, logFile) };
}

function packed(
  writer: EntryWriter,
  path: string,
  stats: Stats,
  project: HeldFolder,
  secrets: SecretPatterns | undefined,
): { readonly size: number; readonly digest: Digest } {
  const { fd } = project.openFile(path);
  try {
    const search = secrets === undefined ? undefined : new SecretSearch(secrets);
    let found = false;
    const content = writer.append(fd, { size: stats.size, sparse: isSparse(stats) }, (bytes) => {
      found ||= search?.push(bytes) === true;
    });
    if (found) throw new PathRefused(path, 'holds a secret');
    if (!sameMark(markOf(stats), markOf(fstatSync(fd)))) throw new PathRefused(path, 'changed while it was packed');
    return content;
  } finally {
    closeSync(fd);
  }
}

const isSparse = ({ blocks, size }: Stats): boolean => blocks * 512 < size;

/** A log of ours is a file, or not there when the job wrote nothing. */
function packedLog(writer: EntryWriter, logFile: string): Captured['log'] {
  let fd: number;
  try {
    fd = openSync(logFile, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { size } = fstatSync(fd);
    return size === 0 ? undefined : writer.append(fd, { size, sparse: false }, () => undefined);
  } finally {
    closeSync(fd);
  }
}

/** The text of a link, if it means the same wherever it is brought back: nothing outside of the project, and a root nothing that is no output. */
function targetOf(path: string, job: PlannedJob, { project, root }: CaptureOptions): string {
  const text = project.link(path);
  if (text.startsWith('/'))
    throw new PathRefused(path, `is a link to ${shownPath(text)}: only a relative one is the same in another place`);
  const found = resolveInside(project, root, path);
  const inside = found.kind !== 'refused' && staysInside(path, text);
  if (!inside) throw new PathRefused(path, `is a link to ${shownPath(text)}, which leads out of the project`);
  const roots = rootsOf(job);
  const isRoot = roots.includes(path);
  if (
    isRoot &&
    !(found.kind === 'found' && roots.some((other) => other !== path && (found.path === other || found.path.startsWith(`${other}/`))))
  )
    throw new PathRefused(path, `is a link to ${shownPath(text)}, which is no output. Name that one`);
  return text;
}

/** Whether the text of a link, taken word by word, stays in the project: that holds also where nothing is there yet. */
function staysInside(path: string, text: string): boolean {
  let depth = path.split('/').length - 1;
  for (const part of text.split('/')) {
    if (part === '..') depth -= 1;
    else if (part !== '' && part !== '.') depth += 1;
    if (depth < 0) return false;
  }
  return true;
}
