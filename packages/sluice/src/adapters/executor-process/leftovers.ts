import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeTree } from '#host';
import type { Clock } from '#kernel';
import type { JournalEntry } from '#run';
import { listPids, readProc, startOf, taskOf, writesTo, type ProcEntry } from './proc.ts';

/** A run that may have died: what is needed to find what it left running. */
export type DeadRun = { readonly runId: string; readonly folder: string; readonly scratch: string };

/** Ends every process a dead run left, at once and by force, and removes its temporary files. Tells how many there were. */
export async function endLeftovers(run: DeadRun, clock: Clock): Promise<number> {
  const ended = new Set<number>();
  const groups = unendedGroups(run.folder);
  const until = clock.monotonic() + 10_000;
  for (;;) {
    const found = find(run, groups);
    if (found.length === 0 || clock.monotonic() > until) break;
    for (const { pid } of found) {
      ended.add(pid);
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Gone by itself.
      }
    }
    await clock.sleep(5);
  }
  removeTree(run.scratch);
  return ended.size;
}

function find(run: DeadRun, groups: ReadonlyMap<number, number>): readonly ProcEntry[] {
  const entries = listPids()
    .map(readProc)
    .filter((entry) => entry !== undefined && entry.pid !== process.pid) as ProcEntry[];
  const mine = new Set<number>();
  for (const entry of entries) {
    const began = groups.get(entry.group);
    // A group number is used again only when its group is empty: a leader of another start time is a stranger, also when it is a zombie by now.
    const inGroup = began !== undefined && [undefined, began].includes(startOf(entry.group)) && entry.startTicks >= began;
    if (inGroup || taskOf(entry.pid)?.startsWith(`${run.runId}.`) === true || holdsLog(entry.pid, run.folder)) mine.add(entry.pid);
  }
  let size = -1;
  while (size !== mine.size) {
    size = mine.size;
    for (const entry of entries) if (mine.has(entry.parent)) mine.add(entry.pid);
  }
  return entries.filter((entry) => mine.has(entry.pid));
}

const holdsLog = (pid: number, folder: string): boolean => writesTo(pid, (file) => file.startsWith(`${folder}/logs/`)) !== undefined;

/** Process groups of jobs that began and did not end, with the start time of their leader. */
function unendedGroups(folder: string): ReadonlyMap<number, number> {
  const byJob = new Map<string, Map<number, number>>();
  for (const entry of readJournal(folder)) {
    if (entry.type === 'job-began') byJob.set(entry.job, new Map());
    else if (entry.type === 'job-ended') byJob.delete(entry.job);
    else byJob.get(entry.job)?.set(entry.pid, entry.startTicks);
  }
  return new Map([...byJob.values()].flatMap((groups) => [...groups]));
}

/** The journal of a run; a torn last line is what a crash leaves, and is no entry. */
export function readJournal(folder: string): readonly JournalEntry[] {
  let text: string;
  try {
    text = readFileSync(join(folder, 'journal.jsonl'), 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as JournalEntry];
    } catch {
      return [];
    }
  });
}
