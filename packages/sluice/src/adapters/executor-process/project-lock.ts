import { randomBytes } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isRunning, type ProcessIdentity } from '#host';
import type { Clock } from '#kernel';
import { isIdentity } from './run-book.ts';

/** Who holds a project, and in which world the number of its process means something. */
export type Holder = { readonly runId: string; readonly owner: ProcessIdentity; readonly world: string };

export type LockOptions = {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onWaiting: (holder: Holder) => void;
  /** A holder that died is about to lose its place: what it left is ended before. */
  readonly onDead: (holder: Holder) => Promise<void>;
};

/**
 * One run at a time works in a project folder: two would write the same outputs, and one of them would store the other's. Who comes second
 * waits. A holder that died is noticed by its start time. The lock only says who works here: nothing is ended or removed because of what it says.
 */
export async function lockProject(path: string, own: Holder, { clock, signal, onWaiting, onDead }: LockOptions): Promise<() => void> {
  const draft = `${path}.${own.runId}`;
  writeFileSync(draft, JSON.stringify(own), { mode: 0o600 });
  try {
    for (let told = false; ;) {
      signal.throwIfAborted();
      if (tryLink(draft, path)) return () => rmSync(path, { force: true });
      const text = readText(path);
      const holder = parse(text);
      if (text !== undefined && (holder === undefined || holder.world !== own.world || !isRunning(holder.owner))) {
        if (holder !== undefined) await onDead(holder);
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

/** A lock that is not whole was never taken by us. */
function parse(text: string | undefined): Holder | undefined {
  if (text === undefined) return undefined;
  try {
    const { runId, owner, world } = (JSON.parse(text) ?? {}) as Partial<Record<keyof Holder, unknown>>;
    return typeof runId === 'string' && isIdentity(owner) && typeof world === 'string' ? { runId, owner, world } : undefined;
  } catch {
    return undefined;
  }
}
