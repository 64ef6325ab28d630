import { readFile, readlink, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { identifyProcess, isRunning, signalProcess, type ProcessIdentity } from '#host';
import type { Clock } from '#kernel';

/** A running PostgreSQL as its own `postmaster.pid` tells of it. */
export type Postmaster = { readonly identity: ProcessIdentity; readonly port: number; readonly ready: boolean };

/** The postmaster that serves this data folder now, or undefined. A lock file without its process is removed. */
export async function findPostmaster(pgdata: string): Promise<Postmaster | undefined> {
  const path = join(pgdata, 'postmaster.pid');
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  // A file that is being written has no pid yet: whoever writes it is starting, not stale.
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  const identity = identifyProcess(pid);
  if (identity !== undefined && (await serves(pid, pgdata))) {
    return { identity, port: Number(lines[3] ?? 0), ready: lines[7]?.trim() === 'ready' };
  }
  // Process ids are used again: PostgreSQL would refuse to start because a stranger holds its old number.
  await rm(path, { force: true });
  return undefined;
}

/** A postmaster works in its data folder; where the system does not tell, the pid has to do. */
async function serves(pid: number, pgdata: string): Promise<boolean> {
  if (process.platform !== 'linux') return true;
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  return cwd !== undefined && cwd === (await realpath(pgdata));
}

/** Ends a postmaster: first without waiting for clients, then at once with recovery at the next start, then by force. */
export async function stopPostmaster(identity: ProcessIdentity, clock: Clock): Promise<void> {
  const stages = [
    { signal: 'SIGINT', wait: 5_000 },
    { signal: 'SIGQUIT', wait: 2_000 },
    { signal: 'SIGKILL', wait: 10_000 },
  ] as const;
  for (const { signal, wait } of stages) {
    if (!signalProcess(identity, signal)) return;
    const until = clock.monotonic() + wait;
    while (clock.monotonic() < until) {
      if (!isRunning(identity)) return;
      await clock.sleep(10);
    }
  }
}
