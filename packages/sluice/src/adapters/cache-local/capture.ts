import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import type { Digest } from '#kernel';
import type { PlannedJob } from '#run';
import { SecretSearch, type SecretPatterns } from '#run';
import type { EntryWriter } from './entry-file.ts';
import type { FileIndex } from './file-index.ts';
import { permissions, rootsOf, walk, type OutputNode } from './output-tree.ts';

/** What was packed, or why a result cannot be stored. */
export type Captured =
  | {
      readonly kind: 'packed';
      readonly nodes: readonly OutputNode[];
      readonly log: { readonly size: number; readonly digest: Digest } | undefined;
    }
  | { readonly kind: 'refused'; readonly because: string };

export type CaptureOptions = {
  readonly project: string;
  readonly logFile: string;
  /** With these nothing is packed that holds a secret (I11). */
  readonly secrets: SecretPatterns | undefined;
};

/** Packs everything a job left behind, and its log, into an entry. */
export function capture(writer: EntryWriter, job: PlannedJob, { project, logFile, secrets }: CaptureOptions): Captured {
  const nodes: OutputNode[] = [];
  for (const root of rootsOf(job)) {
    const before = nodes.length;
    for (const { path, stats } of walk(project, root)) {
      const absolute = join(project, path);
      if (stats.isFile()) {
        const search = secrets === undefined ? undefined : new SecretSearch(secrets);
        let found = false;
        const content = writer.append(absolute, (bytes) => {
          found ||= search?.push(bytes) === true;
        });
        if (found) return { kind: 'refused', because: `"${path}" holds a secret` };
        nodes.push({ kind: 'file', path, mode: permissions(stats), ...content });
      } else {
        const node = plainNode(path, stats, absolute);
        if (node === undefined) return { kind: 'refused', because: `"${path}" is neither a file, a folder nor a link` };
        nodes.push(node);
      }
    }
    if (nodes.length === before) return { kind: 'refused', because: `the job did not make "${root}"` };
  }
  const log = lstatSync(logFile, { throwIfNoEntry: false });
  return { kind: 'packed', nodes, log: log === undefined || log.size === 0 ? undefined : writer.append(logFile, () => undefined) };
}

/** What lies below the outputs now, without packing it. What has no content is left out. */
export function describeOutputs(job: PlannedJob, project: string, index: FileIndex): readonly OutputNode[] {
  const nodes: OutputNode[] = [];
  for (const root of rootsOf(job)) {
    for (const { path, stats } of walk(project, root)) {
      const absolute = join(project, path);
      const node: OutputNode | undefined = stats.isFile()
        ? { kind: 'file', path, mode: permissions(stats), size: stats.size, digest: index.digest(absolute, stats) }
        : plainNode(path, stats, absolute);
      if (node !== undefined) nodes.push(node);
    }
  }
  return nodes;
}

function plainNode(path: string, stats: Stats, absolute: string): OutputNode | undefined {
  if (stats.isDirectory()) return { kind: 'folder', path, mode: permissions(stats) };
  if (stats.isSymbolicLink()) return { kind: 'link', path, target: readlinkSync(absolute) };
  return undefined;
}
