import { spawn, type ChildProcess } from 'node:child_process';
import { ownCommand, siblingModule } from '#host';
import { err, fromWireError, ok, SluiceError, type Result, type WireError } from '#kernel';
import type { ArtifactBuilder, PipelineRunner } from '#workflow';
import type { PipelineSettings } from './pipeline-runner.ts';

/** What the work on commits is told, and where it finds what the machine has: the home folder that a sandbox hides, the repository of the project. */
export type CommitSettings = PipelineSettings & { readonly home: string; readonly repository: string };

/** What the control plane asks of the process that works on a commit: once, and then at most that it stops. */
export type CommitOrder =
  | { readonly kind: 'run'; readonly settings: CommitSettings; readonly order: PlainOrder<PipelineRunner['run']> }
  | { readonly kind: 'pack'; readonly settings: CommitSettings; readonly order: PlainOrder<ArtifactBuilder['build']> };
export type CommitAnswer = { readonly kind: 'value'; readonly value: unknown } | { readonly kind: 'error'; readonly error: WireError };

type PlainOrder<Work extends (order: never) => unknown> = Omit<Parameters<Work>[0], 'signal'>;

/** More than the largest report and the largest definition need; a commit that needs more ends its own process, and not the control plane's. */
const memoryMegabytes = 1_024;

/**
 * Works on commits in a process for each: their definitions, reports and files are read and packed there, so that nothing in them holds up a watch, fills the memory of the control plane, or
 * ends it. The process ends with the control plane, and what it started with it.
 */
export const commitProcesses = (settings: CommitSettings): { readonly pipelines: PipelineRunner; readonly artifacts: ArtifactBuilder } => ({
  pipelines: { run: async ({ signal, ...order }) => inChild({ kind: 'run', settings, order }, signal) },
  artifacts: { build: async ({ signal, ...order }) => inChild({ kind: 'pack', settings, order }, signal) },
});

async function inChild<Value>(order: CommitOrder, signal: AbortSignal): Promise<Result<Value, SluiceError>> {
  const { command, args } = ownCommand(siblingModule(import.meta.url, './commit-main'));
  // A session of its own: Ctrl-C in the terminal of `serve` asks `serve` to stop, which then asks this one.
  const child = spawn(command, [`--max-old-space-size=${memoryMegabytes}`, ...args], {
    cwd: '/',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    serialization: 'advanced',
    detached: true,
  });
  const stop = (): void => void child.send({ kind: 'stop' }, () => undefined);
  try {
    const answered = answerOf(child);
    child.send(order, () => undefined);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    const answer = await answered;
    return answer.kind === 'error' ? err(fromWireError(answer.error)) : ok(answer.value as Value);
  } finally {
    signal.removeEventListener('abort', stop);
    if (child.connected) child.disconnect();
  }
}

/** What it says, or how it ended without a word. */
function answerOf(child: ChildProcess): Promise<CommitAnswer> {
  return new Promise((resolve) => {
    child.once('message', (message) => resolve(message as CommitAnswer));
    const ended = (how: string): void => {
      const message = `the process that worked on this commit ended before it was done (${how})`;
      const hint = `it may use ${memoryMegabytes} MiB: look for a report, a definition or a number of files that needs more`;
      resolve({ kind: 'error', error: new SluiceError('config', message, { hint }).toWire() });
    };
    child.once('error', (error) => ended(error.message));
    child.once('exit', (code, signal) => ended(signal ?? `exit code ${code ?? 0}`));
  });
}
