import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning, removeTree, type ProcessIdentity } from '#host';
import type { Clock } from '#kernel';
import { endLeftovers, type DeadRun } from './leftovers.ts';
import { stateFolder } from './project-state.ts';

/** Who holds the project, and since which start of the machine: numbers of processes and groups mean nothing after the next one. */
export type Holder = DeadRun & { readonly owner: ProcessIdentity; readonly boot?: string };

export type LockOptions = {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onWaiting: (holder: Holder) => void;
  readonly onLeftovers: (runId: string, processes: number) => void;
};

/**
 * One run at a time works in a project folder: two would write the same outputs, and one of them would store the other's. Who comes second
 * waits. A holder that died is noticed by its start time; what it left running is ended before its place is taken.
 */
export async function lockProject(
  project: string,
  own: Holder,
  { clock, signal, onWaiting, onLeftovers }: LockOptions,
): Promise<() => void> {
  const path = join(stateFolder(project), 'run.lock');
  const draft = `${path}.${own.runId}`;
  writeFileSync(draft, JSON.stringify(own), { mode: 0o600 });
  try {
    for (let told = false; ;) {
      if (tryLink(draft, path)) return () => rmSync(path, { force: true });
      const text = readText(path);
      const holder = parse(text);
      const outlived = holder?.boot !== undefined && own.boot !== undefined && holder.boot !== own.boot;
      if (text !== undefined && (holder === undefined || outlived || !isRunning(holder.owner))) {
        if (holder !== undefined && outlived) removeTree(holder.scratch);
        else if (holder !== undefined) {
          const processes = await endLeftovers(holder, clock);
          if (processes > 0) onLeftovers(holder.runId, processes);
        }
        takeAway(path, text);
        continue;
      }
      if (holder !== undefined && !told) {
        told = true;
        onWaiting(holder);
      }
      await clock.sleep(25, signal);
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Removes a lock only while it says what was judged: another run may have taken the dead one's place in between. */
function takeAway(path: string, judged: string): void {
  const aside = `${path}.${randomBytes(6).toString('hex')}.stale`;
  try {
    renameSync(path, aside);
  } catch {
    return; // somebody else did it
  }
  if (readText(aside) !== judged) tryLink(aside, path);
  rmSync(aside, { force: true });
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function parse(text: string | undefined): Holder | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return undefined; // a lock without content was never taken by us
  }
}
