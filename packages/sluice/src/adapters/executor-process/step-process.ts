import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { ProcessIdentity } from '#host';
import { systemFault } from '#kernel';
import type { PlannedJob } from '#run';
import { stepWords } from './confined-script.ts';
import { startOf } from './proc.ts';

type Step = PlannedJob['steps'][number];

/** How a step ended; `not-started` when its program cannot be run. */
export type StepEnd =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal: string }
  | { readonly kind: 'not-started'; readonly because: string };

export type StepOptions = {
  readonly step: Step;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Descriptor of the log. A step gets it as its two outputs, and no other descriptor. */
  readonly log: number;
  /** When set, output comes here, both streams in the order written, and the step cannot reach the log at all. */
  readonly onOutput?: (bytes: Buffer) => void;
};

/** A step that runs in a session and process group of its own, which it leads; without an identity it was not started. */
export type StepProcess = {
  readonly identity: ProcessIdentity | undefined;
  readonly ended: Promise<StepEnd>;
  /** Settles when all output was handed over; call it when nothing of the step runs any more. */
  drained(): Promise<void>;
};

/** Starts one step. */
export function startStep({ step, cwd, env, log, onOutput }: StepOptions): StepProcess {
  const [program, ...args] = stepWords(step);
  // One pipe for both streams keeps their order, and lets a secret that is cut between them be found.
  const [command, ...words] =
    onOutput === undefined ? ([program, ...args] as const) : (['/bin/sh', '-c', 'exec "$0" "$@" 2>&1', program, ...args] as const);
  let child: ChildProcess;
  try {
    const stdio: StdioOptions = onOutput === undefined ? ['ignore', log, log] : ['ignore', 'pipe', 'ignore'];
    child = spawn(command, words, { cwd, env, detached: true, stdio });
  } catch (error) {
    // Some refusals of the system are thrown at once: arguments and variables that are too large, names that are too long.
    return notStarted(reason(error as NodeJS.ErrnoException, program, cwd));
  }
  const output: Readable | null = child.stdout;
  if (onOutput !== undefined) output?.on('data', onOutput);
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const ended = new Promise<StepEnd>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => resolve({ kind: 'not-started', because: reason(error, program, cwd) }));
    // `exit`, not `close`: a child in the background may hold the streams open for ever.
    child.once('exit', (code, signal) => resolve(signal === null ? { kind: 'exited', code: code ?? 1 } : { kind: 'signalled', signal }));
  });
  // Read before the event loop turns: until then even a child that is done already was not waited for, so its id is nobody else's.
  const identity = child.pid === undefined ? undefined : { pid: child.pid, startTicks: startOf(child.pid) ?? 0 };
  return { identity, ended, drained: () => (output === null || child.pid === undefined ? Promise.resolve() : closed) };
}

const notStarted = (because: string): StepProcess => ({
  identity: undefined,
  ended: Promise.resolve({ kind: 'not-started', because }),
  drained: () => Promise.resolve(),
});

function reason(error: NodeJS.ErrnoException, program: string, cwd: string): string {
  if (error.code === 'ENOENT') return `no program "${program}" in PATH (or no folder ${cwd})`;
  if (error.code === 'EACCES') return `"${program}" may not be executed`;
  const fault = systemFault(error);
  return fault === undefined ? error.message : `${fault.fact} → ${fault.hint}`;
}
