import { randomBytes } from 'node:crypto';
import { shownPath, type HeldFolder } from '#host';
import { digestOf, type Digest } from '#kernel';
import type { PlannedJob } from '#run';
import { markOf, sameMark, type FileIndex, type FileMark } from './file-index.ts';
import { outputsDigest, permissions, rootsOf, walk, type OutputNode } from './output-tree.ts';

/** What lies in the outputs of a job now: its digest, and what tells later whether a file of it was touched. */
export type HandedOn = { readonly digest: Digest; readonly marks: ReadonlyMap<string, FileMark> };

/**
 * Describes what a job hands on, without packing it. What cannot be described (it may not be read, is
 * larger than all of the cache, or lies behind a link) gets a digest that nothing else ever
 * has: whoever depends on it always runs.
 */
export function handedOn(project: HeldFolder, job: PlannedJob, index: FileIndex, maximumBytes: number): HandedOn {
  const nodes: OutputNode[] = [];
  const marks = new Map<string, FileMark>();
  let total = 0;
  try {
    for (const root of rootsOf(job)) {
      for (const { path, stats } of walk(project, root)) {
        if (!stats.isDirectory()) marks.set(path, markOf(stats));
        else nodes.push({ kind: 'folder', path, mode: permissions(stats) });
        total += stats.isFile() ? stats.size : 0;
        if (total > maximumBytes) return untold();
        if (stats.isFile())
          nodes.push({ kind: 'file', path, mode: permissions(stats), size: stats.size, digest: index.digest(project, path, stats) });
        if (!stats.isSymbolicLink()) continue;
        if (path === root) return untold();
        nodes.push({ kind: 'link', path, target: project.link(path) });
      }
    }
  } catch {
    return untold();
  }
  return { digest: outputsDigest(job, nodes), marks };
}

const untold = (): HandedOn => ({ digest: digestOf(randomBytes(32)), marks: new Map() });

/** The first file of these that was touched since; those below `but` are left out. */
export function touchedSince(project: HeldFolder, { marks }: HandedOn, but: readonly string[]): string | undefined {
  for (const [path, mark] of marks) {
    if (but.some((root) => path === root || path.startsWith(`${root}/`))) continue;
    let same: boolean;
    try {
      const stats = project.stats(path);
      same = stats !== undefined && sameMark(mark, markOf(stats));
    } catch {
      same = false;
    }
    if (!same) return shownPath(path);
  }
  return undefined;
}
