import { randomBytes } from 'node:crypto';
import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { identifyProcess, isRunning, type ProcessIdentity } from '#host';

/** Held while the process lives; `release` gives it back earlier. */
export type AgentLock = { readonly release: () => Promise<void> };

/**
 * One agent per folder. Locks are numbered files that name their holder; the highest number counts. Taking over from a dead holder means
 * creating the next number, which the file system lets only one process do: removing a stale lock first would let two in.
 */
export async function takeLock(folder: string): Promise<AgentLock | { readonly heldBy: ProcessIdentity }> {
  const own = identifyProcess(process.pid);
  if (own === undefined) throw new Error('this process cannot be identified');
  const draft = join(folder, `lock-draft-${randomBytes(6).toString('hex')}`);
  await writeFile(draft, JSON.stringify(own), { mode: 0o600 });
  try {
    for (;;) {
      const highest = (await numbers(folder)).at(-1);
      const holder = highest === undefined ? undefined : await holderOf(folder, highest);
      if (holder !== undefined && isRunning(holder)) return { heldBy: holder };
      const mine = (highest ?? 0) + 1;
      if (!(await created(draft, lockFile(folder, mine)))) continue;
      const all = await numbers(folder);
      // Somebody took a later number while we slept between looking and creating: that one counts.
      if (all.at(-1) !== mine) {
        await rm(lockFile(folder, mine), { force: true });
        continue;
      }
      for (const old of all.filter((number) => number < mine)) await rm(lockFile(folder, old), { force: true });
      return { release: () => rm(lockFile(folder, mine), { force: true }) };
    }
  } finally {
    await rm(draft, { force: true });
  }
}

/** The running agent of a folder, if there is one. */
export async function lockHolder(folder: string): Promise<ProcessIdentity | undefined> {
  const highest = (await numbers(folder).catch(() => [])).at(-1);
  const holder = highest === undefined ? undefined : await holderOf(folder, highest);
  return holder !== undefined && isRunning(holder) ? holder : undefined;
}

const lockFile = (folder: string, number: number): string => join(folder, `lock.${number}`);

async function numbers(folder: string): Promise<readonly number[]> {
  const found = (await readdir(folder)).flatMap((name) => /^lock\.(\d+)$/.exec(name)?.[1] ?? []);
  return found.map(Number).toSorted((a, b) => a - b);
}

async function holderOf(folder: string, number: number): Promise<ProcessIdentity | undefined> {
  try {
    const value = JSON.parse(await readFile(lockFile(folder, number), 'utf8')) as Partial<ProcessIdentity>;
    return typeof value.pid === 'number' && typeof value.startTicks === 'number'
      ? { pid: value.pid, startTicks: value.startTicks }
      : undefined;
  } catch {
    return undefined;
  }
}

async function created(draft: string, path: string): Promise<boolean> {
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
