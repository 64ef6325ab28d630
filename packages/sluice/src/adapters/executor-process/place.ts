import { lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { confinedHome, type Confinement } from '#kernel';
import type { PlannedJob } from '#run';
import { confinedProject, startConfined, stepEnd, type ConfinedProcess } from './confined-process.ts';
import { stepWords } from './confined-script.ts';
import type { RunSurroundings } from './job-environment.ts';
import { startStep, type StepOptions, type StepProcess } from './step-process.ts';
import type { TaskRunner } from './task-runner.ts';

type Start = Pick<StepOptions, 'step' | 'env' | 'log' | 'onOutput'>;

/** Where the processes of one attempt, or of one service, run: everything that was started there ends with it. */
export interface Place {
  /** What their environment says of it. */
  readonly surroundings: RunSurroundings;
  start(step: Start): StepProcess;
  /** Ends whatever runs there; tells how many processes there were, where that is known. */
  end(): Promise<number>;
  /** After the end: its folders may be used again. */
  close(): void;
}

/** A place of a job, behind walls where the run has any. */
export const openPlace = (runner: TaskRunner, job: PlannedJob, logFile: string): Place =>
  runner.options.sandbox.isolation === 'none' ? looselyPlaced(runner, logFile) : confinedPlace(runner, job);

/** Processes of this machine, found again by what is known of them. */
export function looselyPlaced(runner: TaskRunner, logFile: string): Place & { readonly folder: string } {
  const { task, temporary } = runner.open(logFile);
  return {
    folder: temporary,
    surroundings: { path: runner.options.path, home: runner.home, temporary, task: task.name },
    start: ({ step, env, log, onOutput }) => {
      const child = startStep({ step, cwd: runner.options.project, env, log, ...(onOutput === undefined ? {} : { onOutput }) });
      if (child.identity !== undefined) runner.began(task, child.identity, child.ended);
      return child;
    },
    end: async () => runner.end(task),
    close: () => runner.close(task, temporary),
  };
}

/** A place behind walls. What is started in one sandbox knows nothing of another one, but all see the same project. */
export function confinedPlace(
  runner: TaskRunner,
  job: PlannedJob,
): Place & { startAll(steps: Omit<Start, 'step'> & Steps): ConfinedProcess } {
  const { sandbox, clock, graceMs, force, path, project } = runner.options;
  const { name, temporary } = runner.lend();
  const confinement = confinementOf(runner, job);
  const running = new Set<ConfinedProcess>();
  const startAll = ({ steps, env, log, onOutput }: Omit<Start, 'step'> & Steps): ConfinedProcess => {
    const output = onOutput === undefined ? {} : { onOutput };
    const started = startConfined({ steps, sandbox, confinement, env, log, temporary, clock, graceMs, force, ...output });
    if (started.identity !== undefined) runner.options.onProcess(started.identity);
    running.add(started);
    void started.ended.then(() => running.delete(started));
    return started;
  };
  const end = async (): Promise<number> => {
    const left = [...running];
    for (const each of left) each.stop();
    await Promise.all(left.map(async (each) => each.ended));
    return left.length;
  };
  runner.onDispose(end);
  return {
    surroundings: { path: pathInside(path, project), home: confinedHome, temporary: '/tmp', task: name },
    startAll,
    start: ({ step, ...rest }) => {
      const started = startAll({ steps: [step], ...rest });
      const ended = started.ended.then((how) => (how.kind === 'ended' ? stepEnd(how, 1, stepWords(step)[0]) : how));
      return { identity: started.identity, ended, drained: async () => void (await started.ended) };
    },
    end,
    close: () => runner.giveBack(temporary),
  };
}

type Steps = { readonly steps: readonly Start['step'][] };

/** The project at its neutral place, and nothing of ours: where our state lies in the project, an empty folder lies over it. */
function confinementOf(runner: TaskRunner, job: PlannedJob): Confinement {
  const { project, scratch } = runner.options;
  const state = join(project, '.sluice');
  const isThere = lstatSync(state, { throwIfNoEntry: false })?.isDirectory() === true;
  const empty = join(scratch, 'empty');
  if (isThere) mkdirSync(empty, { recursive: true, mode: 0o700 });
  const mask = isThere ? [{ from: empty, to: join(confinedProject, '.sluice'), access: 'read' as const }] : [];
  return {
    mounts: [{ from: project, to: confinedProject, access: 'write' }, ...mask],
    network: job.network ?? 'full',
    limits: {},
  };
}

/** Folders of the project are where the project is. */
const pathInside = (path: string, project: string): string =>
  path
    .split(':')
    .map((folder) => (folder === project || folder.startsWith(`${project}/`) ? confinedProject + folder.slice(project.length) : folder))
    .join(':');
