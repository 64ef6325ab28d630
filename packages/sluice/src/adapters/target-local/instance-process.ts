import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import type { Clock } from '#kernel';
import type { InstanceExit, SlotOrder } from '#rollout';
import { identifyProcess, isRunning, type ProcessIdentity } from '#host';

/** How a process ended, as a fact and in words. */
export type Ending = { readonly how: InstanceExit['how']; readonly words: string };

/** A process of an instance, and how it will have ended. */
export type InstanceProcess = { readonly identity: ProcessIdentity | undefined; readonly exited: Promise<Ending> };

/** How an instance is started; `env` is all that it gets. */
export type SpawnOptions = {
  readonly program: string;
  readonly argv: SlotOrder['start'];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** The program is inside of walls, which end as it does: with 128 and the number of a signal that ended it. */
  readonly confined?: true;
};

/** An adopted process sends us no exit event, so it is looked at this often: a dead instance must leave the router within 50 ms. */
const POLL_MS = 20;

/** Starts a process in a session of its own. Its output goes straight to the file, so it outlives the agent. */
export async function spawnInstance(options: SpawnOptions): Promise<InstanceProcess> {
  const log = openSync(options.logFile, 'a', 0o600);
  try {
    const [argv0, ...args] = options.argv;
    const child = spawn(options.program, args, {
      argv0,
      cwd: options.cwd,
      env: { ...options.env },
      detached: true,
      stdio: ['ignore', log, log],
    });
    const exited = new Promise<Ending>((resolve) => {
      child.once('exit', (code, signal) => resolve(options.confined === true ? endingInside(code, signal) : endingOf(code, signal)));
      child.once('error', (error: NodeJS.ErrnoException) =>
        resolve({ how: { kind: 'unknown' }, words: `could not be started: ${error.code ?? error.message}` }),
      );
    });
    return { identity: child.pid === undefined ? undefined : identifyProcess(child.pid), exited };
  } finally {
    closeSync(log);
  }
}

/** Takes over a process that an earlier agent started. */
export function adoptProcess(identity: ProcessIdentity, clock: Clock): InstanceProcess {
  const words = 'exited (started by an earlier agent: its exit code is not known)';
  return { identity, exited: untilGone(identity, clock).then(() => ({ how: { kind: 'unknown' }, words })) };
}

function endingOf(code: number | null, signal: NodeJS.Signals | null): Ending {
  if (signal !== null) return { how: { kind: 'signal', signal }, words: `ended by ${signal}` };
  return code === null ? { how: { kind: 'unknown' }, words: 'exited' } : { how: { kind: 'code', code }, words: `exited with code ${code}` };
}

/** Resolves when exactly that process runs no more, or when the signal aborts. */
export async function untilGone(identity: ProcessIdentity, clock: Clock, signal?: AbortSignal): Promise<void> {
  while (isRunning(identity)) {
    if (signal?.aborted === true) return;
    await clock.sleep(POLL_MS, signal).catch(() => undefined);
  }
}

/** What cannot build its walls ends with 125 before the program began. */
const NO_WALLS = 125;

function endingInside(code: number | null, signal: NodeJS.Signals | null): Ending {
  if (code === NO_WALLS) return { how: { kind: 'code', code }, words: 'was not started: its sandbox could not be built' };
  const inside = Object.entries(constants.signals).find(([, number]) => code === 128 + number)?.[0];
  return inside === undefined ? endingOf(code, signal) : { how: { kind: 'signal', signal: inside }, words: `ended by ${inside}` };
}
