import { linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning, type ProcessIdentity } from '#host';

const prefix = 'router.lock.';

/**
 * Takes a state folder for one process. Answers with the holder: oneself, or whoever runs there already.
 *
 * Each holder is a numbered file, made by one `link` with its content in place; the highest number counts. To follow a dead holder is to
 * make the next number, which only one process can. (Replacing one file instead would let two who both saw the dead holder replace
 * each other's.)
 */
export function takeFolder(folder: string, self: ProcessIdentity): ProcessIdentity {
  for (;;) {
    const highest = Math.max(0, ...numbersIn(folder));
    const holder = highest === 0 ? undefined : holderOf(folder, highest);
    if (holder !== undefined && isRunning(holder)) return holder;
    if (!made(folder, highest + 1, self)) continue;
    const numbers = numbersIn(folder);
    // Somebody was faster by two: the number we made had been given back already.
    if (Math.max(...numbers) !== highest + 1) {
      rmSync(lockFile(folder, highest + 1), { force: true });
      continue;
    }
    for (const number of numbers) if (number <= highest) rmSync(lockFile(folder, number), { force: true });
    return self;
  }
}

const lockFile = (folder: string, number: number): string => join(folder, `${prefix}${number}`);

function numbersIn(folder: string): readonly number[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
      .map((name) => Number(name.slice(prefix.length)));
  } catch {
    return [];
  }
}

function holderOf(folder: string, number: number): ProcessIdentity | undefined {
  try {
    return JSON.parse(readFileSync(lockFile(folder, number), 'utf8')) as ProcessIdentity;
  } catch {
    // Gone meanwhile, or emptied by a power cut: nobody who runs.
    return undefined;
  }
}

function made(folder: string, number: number, self: ProcessIdentity): boolean {
  const draft = join(folder, `router.draft.${self.pid}`);
  writeFileSync(draft, JSON.stringify(self), { mode: 0o600 });
  try {
    linkSync(draft, lockFile(folder, number));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}
