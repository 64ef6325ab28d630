import { join, normalize, sep } from 'node:path';
import { readRegularFile } from '#host';
import type { LogReader } from '#ledger';

/** A bundle holds at most 256 entries of at most 64 KiB (C2SP tlog-tiles); everything else in a record is smaller. */
const largestFile = 17 * 1024 * 1024;

/** Reads the exported files of a record; what is not there is undefined, what cannot be read, or is no file of a record, throws. */
export function logReader(folder: string): LogReader {
  return {
    read: (path) => {
      const below = normalize(path);
      if (below.startsWith('..') || below.startsWith(sep)) throw new Error(`${path} leaves the record`);
      const read = readRegularFile(join(folder, below), largestFile);
      if (read.ok) return read.value;
      if (read.error.kind === 'missing') return undefined;
      throw new Error(`${join(folder, below)} ${read.error.message}`);
    },
  };
}
