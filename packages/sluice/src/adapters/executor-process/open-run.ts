import { realpathSync } from 'node:fs';
import { identifyProcess, openPrivateFolder, processWorld, systemClock, takeStateFolder } from '#host';
import { systemFault, SluiceError, type Clock, type Sandbox } from '#kernel';
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
import { endLeftovers } from './leftovers.ts';
import { ProcessExecutor } from './process-executor.ts';
import { ProcessServiceProvider } from './process-services.ts';
import { lockProject } from './project-lock.ts';
import { runFolderPath, statePlace } from './project-state.ts';
import { markOf, RunBook } from './run-book.ts';
import { LocalRunFolder } from './run-folder.ts';
import { TaskRunner } from './task-runner.ts';
import { startWatchdog } from './watchdog.ts';

export type OpenRunOptions = {
  /** Absolute path of the project folder. */
  readonly project: string;
  /** Where runs keep what they read back; `.sluice` of the project unless told. */
  readonly state?: string;
  readonly runId: string;
  /** What keeps jobs away from everything else, if anything does. */
  readonly sandbox: Sandbox;
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
  const { project, place } = await openProject(options);
  const emit = (fact: RunFact): void => options.onEvent?.({ ...fact, at: 0 });
  const patterns = Object.keys(options.secrets).length === 0 ? undefined : secretPatterns(options.secrets);
  for (const secret of patterns?.tooShort ?? []) emit({ type: 'run.secret-not-masked', secret });
  const owner = identifyProcess(process.pid) ?? { pid: process.pid, startTicks: 0 };
  // First in, last out: whatever fails here or at the end, the project is free afterwards. A process that lives on would hold it against itself.
  await using held = new AsyncDisposableStack();
  const book = new RunBook(held.use(openPrivateFolder()));
  // Whatever was killed is ended before anybody works where it worked: also when its lock was removed, and also of other projects.
  const endDead = async (): Promise<void> => {
    for (const dead of book.dead()) {
      const processes = await endLeftovers(dead, book, clock);
      if (processes > 0) emit({ type: 'run.leftovers-ended', runId: dead.runId, processes });
    }
  };
  await endDead();
  const free = await lockProject(
    place.lock,
    { runId, owner, world: processWorld() },
    {
      clock,
      signal: options.signal,
      onWaiting: (holder) => emit({ type: 'run.waiting', for: { runId: holder.runId, pid: holder.owner.pid } }),
      onDead: endDead,
    },
  );
  held.defer(free);
  const page = book.open({ runId, folder: runFolderPath(place.folder, runId), owner });
  held.defer(() => page.close());
  const folder = held.use(new LocalRunFolder({ project, state: place.folder, runId, secrets: patterns }));
  const effects = new LocalEffectBook(place.folder, owner);
  // Whoever holds the run has told its end when it lets it go. Where that cannot be written the next run is told once more, which is safe.
  held.defer(() => (folder.hasEnded ? effects.told(runId, clock.now()).catch(() => undefined) : undefined));
  const watchdog = startWatchdog(page.name);
  held.defer(() => watchdog.dismiss());
  const runner = held.use(
    new TaskRunner({
      mark: markOf({ runId, name: page.name }),
      project,
      sandbox: options.sandbox,
      path: options.path,
      scratch: page.scratch,
      onProcess: (leader) => page.add(leader),
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
    effects,
    clock,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

type OpenedProject = { readonly project: string; readonly place: ReturnType<typeof statePlace> };

/** The project without links in its path, as the system names the files of its processes, and a folder for our state that is ours. */
async function openProject({ project: path, state, path: searchPath }: OpenRunOptions): Promise<OpenedProject> {
  let folder = path;
  try {
    const project = realpathSync(path);
    const place = statePlace(project, state);
    folder = place.folder;
    await takeStateFolder(folder, searchPath);
    return { project, place };
  } catch (error) {
    const fault = systemFault(error);
    if (fault === undefined) throw error;
    throw new SluiceError('unavailable', `nothing can be written to ${folder}: ${fault.fact}`, { hint: fault.hint, cause: error });
  }
}

/** Effects of a project that began and whose end nobody knows; `state`: its state folder. */
export const unresolvedEffects = (state: string): Promise<readonly UnresolvedEffect[]> =>
  new LocalEffectBook(state, { pid: 0, startTicks: 0 }).unresolved();
