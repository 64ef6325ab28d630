import { chmodSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Removes what jobs left in a folder of ours. They may leave folders that only root could empty (Go's module cache is read-only): those are made
 * writable first. What cannot be removed even so, another user's files, say, stays: a run that is over does not fail because of it.
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
