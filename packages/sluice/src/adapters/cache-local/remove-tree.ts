import { chmodSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Removes a tree that jobs made. They may leave folders that only root could empty: those are made writable first. What cannot be removed even
 * so, another user's files, say, stays.
 */
export function removeTree(path: string): void {
  if (isRemoved(path)) return;
  makeWritable(path);
  isRemoved(path);
}

function isRemoved(path: string): boolean {
  try {
    rmSync(path, { recursive: true, force: true });
    return true;
  } catch {
    return false;
  }
}

/** Real folders only: behind a link lie files that are not ours. */
function makeWritable(path: string): void {
  try {
    if (!lstatSync(path).isDirectory()) return;
    chmodSync(path, 0o700);
    for (const name of readdirSync(path)) makeWritable(join(path, name));
  } catch {
    // Gone, or another user's: the rest may be ours.
  }
}
