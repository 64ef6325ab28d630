import { mkdirSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { err, ok, type Result } from '#kernel';
import { isRunning, ownCommand, signalProcess, spawnDetached, systemClock, type ProcessIdentity } from '#host';
import { lockHolder, takeLock } from './agent-lock.ts';
import { ps, tellAgent } from './agent-client.ts';
import { Agent } from './agent.ts';
import { searchPath } from './executable.ts';
import { endOfLog } from './instance-log.ts';
import { untilGone } from './instance-process.ts';
import { layoutOf } from './layout.ts';
import type { RouterSupervision } from './router-keeper.ts';
import { noTrigger } from './trigger-point.ts';

/** Which program is the agent: the URL of the module that wires it with a router, given the state folder as its first argument. */
export type AgentEntry = { readonly stateFolder: string; readonly entry: string };

/** A Node process is up in well under a second; a machine under load gets this long. */
const START_WITHIN_MS = 30_000;

/** The running agent of a state folder, or undefined when none answers. */
export async function adoptAgent(stateFolder: string): Promise<{ readonly pid: number } | undefined> {
  const listing = await ps(stateFolder);
  return listing.ok ? { pid: listing.value.pid } : undefined;
}

/** Makes sure that the agent of a state folder runs: adopted, or started as a process of its own that outlives this one. */
export async function startAgent({
  stateFolder,
  entry,
}: AgentEntry): Promise<Result<{ readonly pid: number }, { readonly message: string }>> {
  const layout = layoutOf(stateFolder);
  mkdirSync(layout.agentFolder, { recursive: true, mode: 0o700 });
  const deadline = systemClock.monotonic() + START_WITHIN_MS;
  let started: ProcessIdentity | undefined;
  while (systemClock.monotonic() < deadline) {
    const running = await adoptAgent(stateFolder);
    if (running !== undefined) {
      // Of two starts at once ours lost. Left alone it could still become the agent, after the other one was told to stop.
      if (started !== undefined && started.pid !== running.pid) {
        signalProcess(started, 'SIGKILL');
        await untilGone(started, systemClock);
      }
      return ok(running);
    }
    if (started !== undefined && !isRunning(started) && (await lockHolder(layout.agentFolder)) === undefined)
      return err({
        message: `the agent ended at once: ${(await endOfLog(layout.agentLog, { secrets: [] })).telling} (log: ${layout.agentLog})`,
      });
    if (started === undefined && (await lockHolder(layout.agentFolder)) === undefined) {
      const { command, args } = ownCommand(entry, [stateFolder]);
      const env = { PATH: searchPath, HOME: homedir(), TMPDIR: tmpdir() };
      started = await spawnDetached({ command, args, cwd: stateFolder, env, logFile: layout.agentLog });
      if (started === undefined) return err({ message: `the agent could not be started: ${command} ${args.join(' ')}` });
    }
    await systemClock.sleep(15);
  }
  return err({ message: `the agent of ${stateFolder} did not answer in ${START_WITHIN_MS / 1_000} s (log: ${layout.agentLog})` });
}

/** How often an agent that should run is looked for; what it started runs on meanwhile. */
const KEEP_MS = 250;

/** For `sluice serve`: starts the agent again whenever it is gone, until the signal aborts. What cannot be helped is told, once per reason. */
export async function keepAgent(agent: AgentEntry, signal: AbortSignal, tell: (message: string) => void): Promise<void> {
  const { agentFolder } = layoutOf(agent.stateFolder);
  let told = '';
  while (!signal.aborted) {
    if ((await lockHolder(agentFolder)) === undefined) {
      const started = await startAgent(agent);
      const message = started.ok ? '' : started.error.message;
      if (message !== told && message !== '') tell(message);
      told = message;
    }
    await systemClock.sleep(KEEP_MS, signal).catch(() => undefined);
  }
}

/** So long a killed agent may take to be gone. */
const GOING_MS = 2_000;

/** Who else has to go with an agent. */
export type StopOptions = { readonly stateFolder: string; readonly instances: boolean; readonly supervision?: RouterSupervision };

/**
 * Ends the agent of a state folder; with `instances` also every instance and the router, so that nothing is left.
 * Works without a running agent too: what one left behind is found by its records.
 */
export async function stopAgent(options: StopOptions): Promise<Result<void, { readonly message: string }>> {
  const layout = layoutOf(options.stateFolder);
  mkdirSync(layout.agentFolder, { recursive: true, mode: 0o700 });
  const holder = await lockHolder(layout.agentFolder);
  if (holder !== undefined) {
    const answer = await tellAgent(options.stateFolder, 'stop', { instances: options.instances });
    if (!answer.ok && answer.error.kind !== 'unreachable') return err({ message: answer.error.message });
    if (answer.ok) {
      await untilGone(holder, systemClock);
      return leftOver(answer.value.left);
    }
    // One that was just killed takes a moment to go: its memory is given back first.
    const patience = new AbortController();
    await Promise.race([
      untilGone(holder, systemClock, patience.signal),
      systemClock.sleep(GOING_MS, patience.signal).catch(() => undefined),
    ]);
    patience.abort();
    if (isRunning(holder))
      return err({ message: `agent process ${holder.pid} does not answer: end it with "kill -9 ${holder.pid}", then repeat` });
  }
  if (!options.instances) return ok(undefined);
  const lock = await takeLock(layout.agentFolder);
  if ('heldBy' in lock) return err({ message: `another agent, process ${lock.heldBy.pid}, was just started: repeat` });
  const { supervision } = options;
  const agent = new Agent({ layout, clock: systemClock, at: noTrigger, ...(supervision === undefined ? {} : { supervision }) });
  await agent.load();
  const left = await agent.halt();
  await lock.release();
  return leftOver(left);
}

const leftOver = (pids: readonly number[]): Result<void, { readonly message: string }> =>
  pids.length === 0 ? ok(undefined) : err({ message: `process ${pids.join(', ')} does not end after SIGKILL: look at this host` });
