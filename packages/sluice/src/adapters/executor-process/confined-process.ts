import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { closeSync, fstatSync, openSync, readSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { isRunning, signalProcess, type ProcessIdentity } from '#host';
import { systemFault, type Clock, type Confinement, type Sandbox } from '#kernel';
import { confinedScript, readResult, type ConfinedResult } from './confined-script.ts';
import { childrenOf, readProc, startOf } from './proc.ts';
import type { StepEnd, StepOptions } from './step-process.ts';

/** Where a confined job sees its project: the same place for every checkout, so that nothing it writes tells where that lies. */
export const confinedProject = '/work/project';

export type ConfinedOptions = Omit<StepOptions, 'step' | 'cwd'> & {
  readonly steps: readonly StepOptions['step'][];
  readonly sandbox: Sandbox;
  readonly confinement: Confinement;
  /** A folder of ours, out of sight of the job. */
  readonly temporary: string;
  readonly clock: Clock;
  readonly graceMs: number;
  /** Ends the grace. */
  readonly force: AbortSignal;
};

/** How it ended: what the steps came to, and the exit code of the sandbox; `not-started` when there is none. */
export type ConfinedEnd =
  | { readonly kind: 'not-started'; readonly because: string }
  | { readonly kind: 'ended'; readonly result: ConfinedResult; readonly code: number };

/** Steps in a sandbox. When `ended` settles nothing that was in it runs any more, and all output was handed over. */
export type ConfinedProcess = {
  readonly identity: ProcessIdentity | undefined;
  readonly ended: Promise<ConfinedEnd>;
  /** Asks everybody inside to end; after the grace the kernel ends them. */
  stop(): void;
};

/** The exit code of a sandbox that could not be built. */
const notBuilt = 125;
const mostResultBytes = 1 << 20;
const afterKillMs = 5_000; // the kernel needs no time to kill; a process stuck in a device can take for ever

/** Starts steps in a sandbox of their own, which ends with the last of them. */
export function startConfined(options: ConfinedOptions): ConfinedProcess {
  const { steps, sandbox, confinement, env, log, onOutput, clock, graceMs, force } = options;
  const script = confinedScript(steps, { graceMs, outputs: onOutput === undefined ? 'apart' : 'together' });
  const start = sandbox.confine({ ...script, cwd: confinedProject, env }, confinement);
  if (!start.ok) return notStarted(start.error.message);
  const results = join(options.temporary, 'steps');
  let told: number | undefined;
  let child: ChildProcess;
  try {
    told = openSync(results, 'wx+', 0o600);
    rmSync(results);
    const stdio: StdioOptions = onOutput === undefined ? [told, log, log] : [told, 'pipe', 'pipe'];
    child = spawn(start.value.command, start.value.args, { cwd: start.value.cwd, env: start.value.env, detached: true, stdio });
  } catch (error) {
    if (told !== undefined) closeSync(told);
    const fault = systemFault(error);
    return notStarted(fault === undefined ? (error as Error).message : `${fault.fact} → ${fault.hint}`);
  }
  const file = told;
  if (onOutput !== undefined) for (const stream of [child.stdout, child.stderr]) stream?.on('data', onOutput);
  const identity = child.pid === undefined ? undefined : { pid: child.pid, startTicks: startOf(child.pid) ?? 0 };
  let inside: readonly ProcessIdentity[] = [];
  const closed = new Promise<ConfinedEnd>((resolve) => {
    child.once('error', (error) => resolve({ kind: 'not-started', because: error.message }));
    // All output is there when the streams close, and they close when nobody is left inside.
    child.once('close', (code, signal) =>
      resolve({
        kind: 'ended',
        result: readResult(contentOf(file)),
        code: code ?? 128 + (signal === null ? 0 : constants.signals[signal]),
      }),
    );
  });
  const gone = new AbortController();
  const ended = closed.then(async (end) => {
    gone.abort();
    // The outermost process was killed: the kernel is at the rest, and the first process inside is the last to go.
    const until = clock.monotonic() + afterKillMs;
    while (inside.some(isRunning) && clock.monotonic() < until) await clock.sleep(1);
    closeSync(file);
    return end;
  });
  let isStopping = false;
  const kill = (): void => {
    if (identity === undefined) return;
    inside = treeOf(identity.pid);
    signalProcess(identity, 'SIGKILL');
  };
  const stop = (): void => {
    if (isStopping || identity === undefined) return;
    isStopping = true;
    if (force.aborted) return kill();
    signalProcess(identity, 'SIGTERM');
    void clock.sleep(graceMs, AbortSignal.any([force, gone.signal])).then(kill, () => {
      if (!gone.signal.aborted) kill();
    });
  };
  return { identity, ended, stop };
}

/** How a single step ended that ran alone in a sandbox, or the step of this number. */
export function stepEnd({ result, code }: Extract<ConfinedEnd, { readonly kind: 'ended' }>, step: number, program: string): StepEnd {
  const index = step - 1;
  if (index < result.codes.length) {
    const own = result.codes[index];
    return own === undefined ? { kind: 'not-started', because: `no program "${program}" in PATH` } : exitOf(own);
  }
  if (code === notBuilt && result.codes.length === 0)
    return { kind: 'not-started', because: 'the sandbox could not be built; its log says why' };
  return exitOf(code);
}

/** A shell tells a signal as 128 and its number. */
function exitOf(code: number): StepEnd {
  const signal = Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0];
  return signal === undefined ? { kind: 'exited', code } : { kind: 'signalled', signal };
}

const notStarted = (because: string): ConfinedProcess => ({
  identity: undefined,
  ended: Promise.resolve({ kind: 'not-started', because }),
  stop: () => undefined,
});

function contentOf(file: number): string {
  const buffer = Buffer.alloc(Math.min(fstatSync(file).size, mostResultBytes));
  return buffer.toString('utf8', 0, readSync(file, buffer, 0, buffer.length, 0));
}

/** Everything below a process, as it is now. */
function treeOf(pid: number): readonly ProcessIdentity[] {
  return childrenOf(pid).flatMap((child) => {
    const entry = readProc(child);
    return entry === undefined ? [] : [{ pid: child, startTicks: entry.startTicks }, ...treeOf(child)];
  });
}
