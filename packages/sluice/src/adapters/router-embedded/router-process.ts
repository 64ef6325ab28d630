import { mkdirSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { identifyProcess, isRunning, ownCommand, siblingModule, spawnDetached, systemClock, type ProcessIdentity } from '#host';
import { SluiceError, type Clock } from '#kernel';
import { askIdentity } from './embedded-router.ts';

export type RouterStart = {
  readonly stateFolder: string;
  readonly clock: Clock;
  /** The address to listen on; the loopback unless somebody says otherwise. */
  readonly host?: string;
  readonly startWithinMs?: number;
};

/** Without these a heap grows with the memory of the machine before it is swept: the router has little to remember, and shall stay small. */
const memoryFlags = ['--max-semi-space-size=8', '--max-old-space-size=512'];

/** The router that serves a state folder, if one runs there and answers. */
export async function adoptRouter(stateFolder: string, clock: Clock = systemClock): Promise<ProcessIdentity | undefined> {
  const identity = await askIdentity(stateFolder, clock);
  return identity !== undefined && isRunning(identity) ? identity : undefined;
}

/** Adopts the router of a state folder, or starts one that outlives this process, and waits until it answers. */
export async function startRouter({ stateFolder, clock, host, startWithinMs = 10_000 }: RouterStart): Promise<ProcessIdentity> {
  const running = await adoptRouter(stateFolder, clock);
  if (running !== undefined) return running;
  mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
  const logFile = join(stateFolder, 'router.log');
  const { command, args } = ownCommand(siblingModule(import.meta.url, './router-main'), [
    '--state',
    stateFolder,
    ...(host === undefined ? [] : ['--host', host]),
  ]);
  const started = await spawnDetached({ command, args: [...memoryFlags, ...args], cwd: stateFolder, env: {}, logFile });
  if (started === undefined)
    throw new SluiceError('unavailable', `the router of ${stateFolder} could not be started`, { hint: `see ${logFile}` });
  const deadline = clock.monotonic() + startWithinMs;
  while (clock.monotonic() < deadline) {
    const identity = await adoptRouter(stateFolder, clock);
    if (identity !== undefined) return identity;
    // A start that lost against another one ends at once: then that other one will answer.
    const current = identifyProcess(started.pid);
    if (current?.startTicks !== started.startTicks && !(await lastLine(logFile)).includes('another router')) break;
    await clock.sleep(5);
  }
  throw new SluiceError('unavailable', `the router of ${stateFolder} does not start: ${await lastLine(logFile)}`, {
    hint: `see ${logFile}`,
  });
}

async function lastLine(logFile: string): Promise<string> {
  try {
    await using file = await open(logFile);
    const text = await file.readFile('utf8');
    return text.trimEnd().split('\n').at(-1) ?? '';
  } catch {
    return 'it left no log';
  }
}
