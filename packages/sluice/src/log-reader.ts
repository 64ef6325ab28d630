import { readFileSync } from 'node:fs';
import { join, normalize, sep } from 'node:path';
import type { LogReader } from '#ledger';

/** Reads the exported files of a record; what is not there is undefined, what cannot be read throws. */
export function logReader(folder: string): LogReader {
  return {
    read: (path) => {
      const below = normalize(path);
      if (below.startsWith('..') || below.startsWith(sep)) throw new Error(`${path} leaves the record`);
      try {
        return readFileSync(join(folder, below));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
  };
}
