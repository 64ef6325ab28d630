import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Another live engine owns the journal. */
export class WriterAlive extends Error {
  override readonly name = 'WriterAlive';
}

type Owner = { readonly pid: number; readonly started: string };

/**
 * Takes the right to write into a journal directory; it lasts as long as this process.
 *
 * Locks are numbered files, and the highest number owns the directory. A dead owner is never removed and then replaced (two starters
 * could each remove the other's lock); the successor creates the next number, which only one can, and must still find itself highest
 * afterwards. A pid alone is not an identity, because the system gives it out again: the time the process started belongs to it.
 */
export function takeWriterLock(directory: string, self: Owner = { pid: process.pid, started: startTime(process.pid) ?? '' }): number {
  mkdirSync(directory, { recursive: true });
  const last = Math.max(0, ...numbers(directory));
  refuseIfAlive(directory, last, self);
  const mine = last + 1;
  const draft = join(directory, `writer.draft.${self.pid}`);
  writeFileSync(draft, JSON.stringify(self));
  try {
    linkSync(draft, lockPath(directory, mine)); // complete from its first moment, and fails if it exists
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new WriterAlive(`journal ${directory}: another engine is just starting on it; stop one of them`);
  } finally {
    rmSync(draft, { force: true });
  }
  const highest = Math.max(...numbers(directory));
  if (highest > mine) {
    rmSync(lockPath(directory, mine), { force: true });
    refuseIfAlive(directory, highest, self);
    throw new WriterAlive(`journal ${directory}: another engine took it meanwhile; start again`);
  }
  for (const number of numbers(directory)) if (number < mine) rmSync(lockPath(directory, number), { force: true });
  return mine;
}

/** When a process started, in the words of this system; undefined when there is no such process. */
export function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // the name before it may hold spaces
    return fields[0] === 'Z' ? undefined : `${boot}/${fields[19]}`;
  } catch {
    if (process.platform === 'linux') return undefined;
  }
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}

function refuseIfAlive(directory: string, number: number, self: Owner): void {
  const owner = readOwner(directory, number);
  if (owner === undefined || (owner.pid === self.pid && owner.started === self.started)) return;
  if (startTime(owner.pid) !== owner.started) return;
  throw new WriterAlive(
    `journal ${directory} is being written by process ${owner.pid}; stop it first, or give this engine a JOURNAL_DIR of its own`,
  );
}

function readOwner(directory: string, number: number): Owner | undefined {
  try {
    return JSON.parse(readFileSync(lockPath(directory, number), 'utf8')) as Owner;
  } catch {
    return undefined; // gone meanwhile, or emptied by a crash of the machine: then its owner is gone too
  }
}

function numbers(directory: string): readonly number[] {
  return readdirSync(directory).flatMap((name) => (/^writer\.lock\.(\d+)$/.exec(name) === null ? [] : [Number(name.slice(12))]));
}

const lockPath = (directory: string, number: number): string => join(directory, `writer.lock.${number}`);
