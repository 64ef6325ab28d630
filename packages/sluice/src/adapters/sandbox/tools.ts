import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** Where the system keeps its programs. Never PATH: a folder that somebody else may write must not say what builds the walls. */
export const systemPath = '/usr/sbin:/usr/bin:/sbin:/bin';

/** A program of the system. */
export function systemProgram(name: string): string | undefined {
  return systemPath
    .split(':')
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
