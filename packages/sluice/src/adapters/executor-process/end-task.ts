import type { Clock } from '#kernel';
import type { ProcessTable } from './process-table.ts';
import type { Task } from './task.ts';

/** How long a process may take after SIGTERM, and how long the end after SIGKILL is waited for. */
export type Grace = { readonly graceMs: number; readonly now: AbortSignal };

const afterKillMs = 5_000; // the system needs no time to kill; a process stuck in a device can take for ever

/** Ends everything a task started: SIGTERM, grace, SIGKILL, until a fresh look finds nothing. Tells how many processes there were. */
export async function endTask(table: ProcessTable, task: Task, clock: Clock, { graceMs, now }: Grace): Promise<number> {
  const found = table.running(task);
  if (found === 0) return 0;
  if (!now.aborted) {
    table.signal(task, 'SIGTERM');
    if (await gone(table, task, clock, graceMs, now)) return found;
  }
  const until = clock.monotonic() + afterKillMs;
  while (clock.monotonic() < until) {
    table.signal(task, 'SIGKILL');
    if (await gone(table, task, clock, 50, undefined)) return found;
  }
  return found;
}

async function gone(table: ProcessTable, task: Task, clock: Clock, withinMs: number, unless: AbortSignal | undefined): Promise<boolean> {
  const until = clock.monotonic() + withinMs;
  for (let wait = 1; ; wait = Math.min(wait * 2, 20)) {
    if (table.running(task) === 0) return true;
    if (clock.monotonic() >= until || unless?.aborted === true) return false;
    await clock.sleep(wait);
  }
}
