import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { removeTree } from '#host';
import type { EntryReader } from './entry-file.ts';
import type { OutputNode } from './output-tree.ts';
import type { TriggerPoint } from './trigger.ts';

export type RestoreOptions = {
  readonly project: string;
  /** A folder of our own on the same file system, gone afterwards. */
  readonly staging: string;
  /** Where the log goes, when the entry has one. */
  readonly logFile: string;
  readonly at: (point: TriggerPoint) => void;
};

/**
 * Puts the outputs of an entry in place, all or none: everything is written and checked aside first, then each root is exchanged by renames.
 * When one exchange fails those before it are taken back. A kill between two exchanges leaves outputs that differ from the manifest, which the
 * next look notices and restores again; nothing was reported as cached.
 */
export function restore(entry: EntryReader, { project, staging, logFile, at }: RestoreOptions): void {
  const { roots, nodes } = entry.manifest;
  mkdirSync(staging, { recursive: true, mode: 0o700 });
  try {
    stage(entry, join(staging, 'new'));
    at('restore:staged');
    for (const root of roots) makeParent(project, root);
    const exchanged: string[] = [];
    try {
      for (const root of roots) {
        exchange(project, staging, root);
        exchanged.push(root);
        at('restore:exchanged');
      }
    } catch (error) {
      for (const root of exchanged.toReversed()) takeBack(project, staging, root);
      throw error;
    }
    copyLog(entry, logFile, nodes);
  } finally {
    removeTree(staging);
  }
}

/** Writes the entry's log to where it is wanted. */
export function copyLog(entry: EntryReader, logFile: string, nodes: readonly OutputNode[]): void {
  const { log } = entry.manifest;
  if (log === undefined) return;
  const from = nodes.reduce((sum, node) => sum + (node.kind === 'file' ? node.size : 0), 0);
  writeFile(logFile, 0o600, (write) => entry.read(from, log, write));
}

function stage(entry: EntryReader, folder: string): void {
  const folders: Extract<OutputNode, { readonly kind: 'folder' }>[] = [];
  let from = 0;
  for (const node of entry.manifest.nodes) {
    const path = join(folder, node.path);
    mkdirSync(dirname(path), { recursive: true });
    switch (node.kind) {
      case 'folder':
        mkdirSync(path, { recursive: true });
        folders.push(node);
        break;
      case 'link':
        symlinkSync(node.target, path);
        break;
      case 'file': {
        const start = from;
        writeFile(path, node.mode, (write) => entry.read(start, node, write));
        from += node.size;
        break;
      }
    }
  }
  // A folder that may not be written gets its mode when everything lies in it.
  for (const node of folders.toReversed()) chmodSync(join(folder, node.path), node.mode);
}

function writeFile(path: string, mode: number, fill: (write: (bytes: Uint8Array) => void) => void): void {
  const fd = openSync(path, 'w', 0o600);
  try {
    fill((bytes) => {
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
    });
  } finally {
    closeSync(fd);
  }
  chmodSync(path, mode);
}

/** An output never leaves the project, not even over a link that some job put where its folder was. */
function makeParent(project: string, root: string): void {
  const parent = dirname(join(project, root));
  let existing = parent;
  while (!existsSync(existing)) existing = dirname(existing);
  const real = realpathSync(existing);
  const top = realpathSync(project);
  if (real !== top && !real.startsWith(`${top}/`)) throw new Error(`output "${root}" would be written outside of the project, to ${real}`);
  mkdirSync(parent, { recursive: true });
}

function exchange(project: string, staging: string, root: string): void {
  const target = join(project, root);
  const old = join(staging, 'old', root);
  mkdirSync(dirname(old), { recursive: true });
  let moved = false;
  try {
    renameSync(target, old);
    moved = true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  try {
    renameSync(join(staging, 'new', root), target);
  } catch (error) {
    if (moved) renameSync(old, target);
    throw error;
  }
}

function takeBack(project: string, staging: string, root: string): void {
  const target = join(project, root);
  const old = join(staging, 'old', root);
  removeTree(target);
  // Also a link that leads nowhere goes back to its place.
  if (lstatSync(old, { throwIfNoEntry: false }) !== undefined) renameSync(old, target);
}
