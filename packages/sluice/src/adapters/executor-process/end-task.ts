import type { Clock } from '#kernel';
import { isShortage } from './proc.ts';
import type { ProcessTable } from './process-table.ts';
import type { Task } from './task.ts';

/** How long a process may take after SIGTERM, and how long the end after SIGKILL is waited for. */
export type Grace = { readonly graceMs: number; readonly now: AbortSignal };

const afterKillMs = 5_000; // the system needs no time to kill; a process stuck in a device can take for ever

/** Ends everything a task started: SIGTERM, grace, SIGKILL, until a fresh look finds nothing. Tells how many processes there were. */
export async function endTask(table: ProcessTable, task: Task, clock: Clock, { graceMs, now }: Grace): Promise<number> {
  const found = await lookedAt(table, task, clock);
  if (found === 0) return 0;
  if (!now.aborted) {
    signal(table, task, 'SIGTERM');
    if (await gone(table, task, clock, graceMs, now)) return found;
  }
  const until = clock.monotonic() + afterKillMs;
  while (clock.monotonic() < until) {
    signal(table, task, 'SIGKILL');
    if (await gone(table, task, clock, 50, undefined)) return found;
  }
  return found;
}

async function gone(table: ProcessTable, task: Task, clock: Clock, withinMs: number, unless: AbortSignal | undefined): Promise<boolean> {
  const until = clock.monotonic() + withinMs;
  for (let wait = 1; ; wait = Math.min(wait * 2, 20)) {
    if (runningIn(table, task) === 0) return true;
    if (clock.monotonic() >= until || unless?.aborted === true) return false;
    await clock.sleep(wait);
  }
}

/** How long a machine may take to give a descriptor to look with. */
const lookWithinMs = 10_000;

/** How many processes there are, as soon as anybody can look. */
async function lookedAt(table: ProcessTable, task: Task, clock: Clock): Promise<number> {
  const until = clock.monotonic() + lookWithinMs;
  for (;;) {
    try {
      return table.running(task);
    } catch (error) {
      if (!isShortage(error) || clock.monotonic() > until) throw error;
      await clock.sleep(20);
    }
  }
}

/** How many there are, or undefined when nobody can look just now: that is not nobody. */
function runningIn(table: ProcessTable, task: Task): number | undefined {
  try {
    return table.running(task);
  } catch (error) {
    if (isShortage(error)) return undefined;
    throw error;
  }
}

function signal(table: ProcessTable, task: Task, name: NodeJS.Signals): void {
  try {
    table.signal(task, name);
  } catch (error) {
    if (!isShortage(error)) throw error; // asked again after the next look
  }
}
