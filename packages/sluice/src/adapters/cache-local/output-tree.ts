import type { Stats } from 'node:fs';
import type { HeldFolder } from '#host';
import { digestOf, canonicalJson, type Digest } from '#kernel';
import type { PlannedJob } from '#run';
import type { FileIndex } from './file-index.ts';

/** One thing below an output; `path` is relative to the project, `mode` the permission bits. */
export type OutputNode =
  | { readonly kind: 'folder'; readonly path: string; readonly mode: number }
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly mode: number;
      readonly size: number;
      readonly digest: Digest;
      /** It takes less room than it has bytes: stretches of zeros are holes. */
      readonly sparse?: true;
    }
  | { readonly kind: 'link'; readonly path: string; readonly target: string };

/** What was found on disk before its content was read. */
export type FoundNode = { readonly path: string; readonly stats: Stats };

/** What a job leaves behind in the project: its outputs and reports; those inside another one go with it. */
export function rootsOf(job: PlannedJob): readonly string[] {
  const all = [...job.outputs, ...job.reports.map((report) => report.path)].map((path) => path.replace(/^\.\//, '').replace(/\/+$/, ''));
  return [...new Set(all)].filter((path) => !all.some((other) => path.startsWith(`${other}/`)));
}

/** Why a root must not be exchanged for a stored one; undefined when it may. */
export function forbiddenRoot(root: string): string | undefined {
  const parts = root.split('/');
  if (root === '' || root === '.') return 'it is the project itself';
  if (root.startsWith('/') || parts.includes('..')) return 'it lies outside of the project';
  return parts[0] === '.git' || parts[0] === '.sluice' ? `it lies in ${parts[0]}` : undefined;
}

/**
 * Everything at and below a root, folders before what they hold, in an order that no language setting changes; nothing when it does not exist. Throws
 * `PathRefused` when it is reached over a link: what lies there is not the job's alone.
 */
export function* walk(project: HeldFolder, root: string): Generator<FoundNode> {
  const stats = project.stats(root);
  if (stats === undefined) return;
  yield { path: root, stats };
  if (!stats.isDirectory()) return;
  const names = project.list(root).map(({ name }) => Buffer.from(name));
  for (const name of names.toSorted((a, b) => Buffer.compare(a, b))) yield* walk(project, `${root}/${name.toString()}`);
}

/** Whether the outputs on disk are exactly these nodes: no more, no less, with their modes, links and content. */
export function liesInPlace(project: HeldFolder, roots: readonly string[], nodes: readonly OutputNode[], index: FileIndex): boolean {
  const expected = new Map(nodes.map((node) => [node.path, node]));
  for (const root of roots) {
    for (const { path, stats } of walk(project, root)) {
      const node = expected.get(path);
      if (node === undefined || !isNode(project, path, stats, node, index)) return false;
      expected.delete(path);
    }
  }
  return expected.size === 0;
}

function isNode(project: HeldFolder, path: string, stats: Stats, node: OutputNode, index: FileIndex): boolean {
  switch (node.kind) {
    case 'folder':
      return stats.isDirectory() && permissions(stats) === node.mode;
    case 'link':
      return stats.isSymbolicLink() && project.link(path) === node.target;
    case 'file':
      return (
        stats.isFile() &&
        // One file under two names would change with the other, an input perhaps: a restored one is a file of its own.
        stats.nlink === 1 &&
        permissions(stats) === node.mode &&
        stats.size === node.size &&
        index.digest(project, path, stats) === node.digest
      );
    default:
      return false;
  }
}

/** The permission bits, with those that a folder hands to what is made in it. */
export const permissions = (stats: Stats): number => stats.mode & 0o7777;

/** The digest of what a job hands on: of its outputs, not of its reports, which tell about it. */
export function outputsDigest(job: PlannedJob, nodes: readonly OutputNode[]): Digest {
  const own = job.outputs.map((path) => path.replace(/^\.\//, '').replace(/\/+$/, ''));
  return digestOf(canonicalJson(nodes.filter(({ path }) => own.some((root) => path === root || path.startsWith(`${root}/`)))));
}
