import {
  chmodSync,
  closeSync,
  fchmodSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { pathOnDisk, removeTree, type HeldFolder } from '#host';
import { isHole, type EntryReader } from './entry-file.ts';
import type { OutputNode } from './output-tree.ts';
import type { TriggerPoint } from './trigger.ts';

export type RestoreOptions = {
  /** The project, held open: an output never leaves it, not even over a link that some job put where its folder was. */
  readonly project: HeldFolder;
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
    for (const root of roots) if (root.includes('/')) project.makeFolder(dirname(root));
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
  writeFile(logFile, { mode: 0o600, sparse: false }, (write) => entry.read(from, log, write));
}

function stage(entry: EntryReader, folder: string): void {
  const folders: Extract<OutputNode, { readonly kind: 'folder' }>[] = [];
  let from = 0;
  for (const node of entry.manifest.nodes) {
    const path = pathOnDisk(join(folder, node.path));
    mkdirSync(pathOnDisk(dirname(join(folder, node.path))), { recursive: true });
    switch (node.kind) {
      case 'folder':
        mkdirSync(path, { recursive: true });
        folders.push(node);
        break;
      case 'link':
        symlinkSync(pathOnDisk(node.target), path);
        break;
      case 'file': {
        const start = from;
        writeFile(path, { mode: node.mode, sparse: node.sparse === true }, (write) => entry.read(start, node, write));
        from += node.size;
        break;
      }
    }
  }
  // A folder that may not be written gets its mode when everything lies in it.
  for (const node of folders.toReversed()) chmodSync(pathOnDisk(join(folder, node.path)), node.mode);
}

type Kind = { readonly mode: number; readonly sparse: boolean };

function writeFile(path: string | Buffer, { mode, sparse }: Kind, fill: (write: (bytes: Uint8Array) => void) => void): void {
  const fd = openSync(path, 'w', 0o600);
  try {
    let end = 0;
    fill((bytes) => {
      if (!sparse || !isHole(bytes)) for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at, end + at);
      end += bytes.length;
    });
    ftruncateSync(fd, end);
    fchmodSync(fd, mode);
  } finally {
    closeSync(fd);
  }
}

function exchange(project: HeldFolder, staging: string, root: string): void {
  const target = project.place(root);
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

function takeBack(project: HeldFolder, staging: string, root: string): void {
  const target = project.place(root);
  const old = join(staging, 'old', root);
  // Aside first: removing what others left takes long, and its place must not be half empty.
  renameSync(target, join(staging, 'new', root));
  // Also a link that leads nowhere goes back to its place.
  if (lstatSync(old, { throwIfNoEntry: false }) !== undefined) renameSync(old, target);
}
