import { mkdirSync, mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bootId, identifyProcess, removeTree, systemClock } from '#host';
import { SluiceError, type Clock } from '#kernel';
import {
  secretPatterns,
  type EffectBook,
  type Executor,
  type RunEvent,
  type RunFact,
  type RunFolder,
  type ServiceProvider,
  type UnresolvedEffect,
} from '#run';
import { LocalEffectBook } from './effect-book.ts';
import { ProcessExecutor } from './process-executor.ts';
import { ProcessServiceProvider } from './process-services.ts';
import { lockProject } from './project-lock.ts';
import { runFolderPath, stateFolder } from './project-state.ts';
import { LocalRunFolder } from './run-folder.ts';
import { TaskRunner } from './task-runner.ts';
import { startWatchdog } from './watchdog.ts';

export type OpenRunOptions = {
  /** Absolute path of the project folder. */
  readonly project: string;
  readonly runId: string;
  /** The `PATH` of jobs. */
  readonly path: string;
  /** Values of all secrets of the run. */
  readonly secrets: Readonly<Record<string, string>>;
  /** How long a process may take after SIGTERM; 5,000 unless told. */
  readonly graceMs?: number;
  /** Cancels waiting for another run of the project. */
  readonly signal: AbortSignal;
  /** Ends every grace at once: a second Ctrl-C. */
  readonly force?: AbortSignal;
  readonly clock?: Clock;
  /** Hears of what happens before the first job: waiting for another run, what a dead one left, secrets that cannot be masked. */
  readonly onEvent?: (event: RunEvent) => void;
};

/** Everything of this machine that a run needs, held until it is disposed of: then no process is left and the project is free. */
export type LocalRun = AsyncDisposable & {
  /** The project without links in its path. */
  readonly project: string;
  readonly executor: Executor;
  readonly services: ServiceProvider;
  readonly folder: RunFolder;
  readonly effects: EffectBook;
  readonly clock: Clock;
};

/**
 * Takes the project for one run, ends what an earlier dead one left, and sets up its folders and its watchdog.
 * Rejects with the signal's reason when that aborts while another run is waited for.
 */
export async function openRun(options: OpenRunOptions): Promise<LocalRun> {
  const clock = options.clock ?? systemClock;
  const { runId } = options;
  const project = openProject(options.project);
  const emit = (fact: RunFact): void => options.onEvent?.({ ...fact, at: 0 });
  const patterns = Object.keys(options.secrets).length === 0 ? undefined : secretPatterns(options.secrets);
  for (const secret of patterns?.tooShort ?? []) emit({ type: 'run.secret-not-masked', secret });
  const boot = bootId();
  const owner = identifyProcess(process.pid) ?? { pid: process.pid, startTicks: 0 };
  // Short, because jobs may put sockets there, whose addresses have room for about a hundred characters.
  const scratch = mkdtempSync(join(tmpdir(), 'sluice-run-'));
  const dead = { runId, folder: runFolderPath(project, runId), scratch };
  const free = await lockProject(
    project,
    { ...dead, owner, ...(boot === undefined ? {} : { boot }) },
    {
      clock,
      signal: options.signal,
      onWaiting: (holder) => emit({ type: 'run.waiting', for: { runId: holder.runId, pid: holder.owner.pid } }),
      onLeftovers: (id, processes) => emit({ type: 'run.leftovers-ended', runId: id, processes }),
    },
  ).catch((error: unknown) => {
    removeTree(scratch);
    throw error;
  });
  // First in, last out: whatever fails here or at the end, the project is free afterwards. A process that lives on would hold it against itself.
  await using held = new AsyncDisposableStack();
  held.defer(free);
  held.defer(() => removeTree(scratch));
  const folder = held.use(new LocalRunFolder(project, runId, patterns));
  const watchdog = startWatchdog(dead);
  held.defer(() => watchdog.dismiss());
  const runner = held.use(
    new TaskRunner({
      runId,
      project,
      path: options.path,
      scratch,
      folder,
      clock,
      patterns,
      graceMs: options.graceMs ?? 5_000,
      force: options.force ?? new AbortController().signal,
    }),
  );
  const all = held.move();
  return {
    project,
    executor: new ProcessExecutor(runner),
    services: new ProcessServiceProvider(runner),
    folder,
    effects: new LocalEffectBook(project, owner),
    clock,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** The project without links in its path, as the system names the files of its processes, and with a folder for our state. */
function openProject(path: string): string {
  try {
    const project = realpathSync(path);
    mkdirSync(stateFolder(project), { recursive: true, mode: 0o700 });
    return project;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const fact = code === 'ENOSPC' || code === 'EDQUOT' ? 'the disk is full' : message;
    throw new SluiceError('unavailable', `nothing can be written to ${stateFolder(path)}: ${fact}`, { cause: error });
  }
}

/** Effects of this project that began and whose end nobody knows. */
export const unresolvedEffects = (project: string): Promise<readonly UnresolvedEffect[]> =>
  new LocalEffectBook(project, { pid: 0, startTicks: 0 }).unresolved();
