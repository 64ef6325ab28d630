import { signalProcess } from '#host';
import type { Clock } from '#kernel';
import { listPids, ownAncestors, readProc, startOf, taskOf, writesTo, type ProcEntry } from './proc.ts';
import { markOf, type BookedRun, type RunBook } from './run-book.ts';

/** Ends every process a dead run left, at once and by force, and removes its temporary files. Tells how many there were. */
export async function endLeftovers(run: BookedRun, book: RunBook, clock: Clock): Promise<number> {
  const ended = new Set<number>();
  const leaders = book.leaders(run.name);
  const until = clock.monotonic() + 10_000;
  for (;;) {
    const found = find(run, leaders);
    if (found.length === 0 || clock.monotonic() > until) break;
    for (const entry of found) if (signalProcess(entry, 'SIGKILL')) ended.add(entry.pid);
    await clock.sleep(5);
  }
  book.forget(run.name);
  return ended.size;
}

/**
 * What is certainly the dead run's: the leaders that it wrote down, who is in the session of one that is still there, who carries its mark or writes
 * to its logs, and all their descendants. Never who was there before the run, never who started us. A session whose leader is gone proves nothing:
 * its number may be a stranger's by now.
 */
function find(run: BookedRun, leaders: ReadonlyMap<number, number>): readonly ProcEntry[] {
  const ancestors = ownAncestors();
  const entries = listPids()
    .filter((pid) => !ancestors.has(pid))
    .map(readProc)
    .filter((entry) => entry !== undefined)
    .filter((entry) => entry.startTicks >= run.owner.startTicks);
  const mine = new Map<number, ProcEntry>();
  const isLeader = (pid: number): boolean => leaders.has(pid) && leaders.get(pid) === startOf(pid);
  for (const entry of entries) {
    const marked = isLeader(entry.session) || taskOf(entry.pid)?.startsWith(`${markOf(run)}.`) === true || holdsLog(entry.pid, run.folder);
    if (marked) mine.set(entry.pid, entry);
  }
  let size = -1;
  while (size !== mine.size) {
    size = mine.size;
    for (const entry of entries) {
      const parent = mine.get(entry.parent);
      // The number of a parent that ended meanwhile may be somebody else's: it counts only while it is the same process.
      if (parent !== undefined && !mine.has(entry.pid) && startOf(parent.pid) === parent.startTicks) mine.set(entry.pid, entry);
    }
  }
  return [...mine.values()];
}

const holdsLog = (pid: number, folder: string): boolean => writesTo(pid, (file) => file.startsWith(`${folder}/logs/`)) !== undefined;
