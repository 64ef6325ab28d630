import { copyFile, stat, truncate } from 'node:fs/promises';

/** An instance that logs without end must not fill the disk of the others. */
const LARGEST_LOG = 32 * 1024 * 1024;

/**
 * Keeps a log that a process holds open below a size: what it has goes to `.1`, the file itself is emptied in place, as the process appends to it.
 * Lines written between the two are lost; the last 32 MiB are not.
 */
export async function limitLog(file: string, largest = LARGEST_LOG): Promise<void> {
  const size = await stat(file).then(
    (stats) => stats.size,
    () => 0,
  );
  if (size <= largest) return;
  await copyFile(file, `${file}.1`);
  await truncate(file, 0);
}
