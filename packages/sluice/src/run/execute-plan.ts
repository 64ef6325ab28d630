import { isoTime, SluiceError, systemFault, type Clock, type Digest, type Isolation } from '#kernel';
import type { Plan, PlannedJob } from '#plan';
import { executeJob, type EffectDecision, type JobContext } from './execute-job.ts';
import { isFailure, type JobResult } from './job-result.ts';
import type { Cache, EffectBook, Executor, RunFolder, ServiceProvider } from './ports.ts';
import type { RunEvent, RunFact } from './run-event.ts';
import { outcomeOf, type RunRecord, type RunResult } from './run-record.ts';
import { nextJobs, type OnFailure } from './schedule.ts';

/** What a run needs from the outside. */
export type RunPorts = {
  readonly clock: Clock;
  readonly executor: Executor;
  readonly services: ServiceProvider;
  readonly folder: RunFolder;
  readonly effects: EffectBook;
  /** Without one every job runs. */
  readonly cache?: Cache;
};

export type RunOptions = {
  readonly runId: string;
  /** Names the state of the project the plan is for; part of the identity of effects. */
  readonly commit: string;
  readonly parallel: number;
  readonly onFailure: OnFailure;
  /** Values of all secrets that jobs of the plan name. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Per job: what a person decided about an effect whose end nobody knows. */
  readonly effectDecisions?: Readonly<Record<string, EffectDecision>>;
  /** `live`: output also comes as events. `file`: only into the logs, which costs less. */
  readonly output: 'live' | 'file';
  /** Behind which walls the executor runs jobs; recorded. */
  readonly isolation?: Isolation;
  readonly signal: AbortSignal;
  readonly onEvent: (event: RunEvent) => void;
};

/**
 * Runs a plan to its end: every job has a result, every process is gone, and the run directory tells it all. Rejects only when the run directory
 * cannot be written; then, too, every process is gone.
 */
export async function executePlan(plan: Plan, ports: RunPorts, options: RunOptions): Promise<RunResult> {
  try {
    return await execute(plan, ports, options);
  } catch (error) {
    throw engineFailure(error);
  }
}

async function execute(plan: Plan, ports: RunPorts, options: RunOptions): Promise<RunResult> {
  const { clock, folder } = ports;
  const { runId, commit } = options;
  const began = clock.monotonic();
  const emit = (fact: RunFact): void => options.onEvent({ ...fact, at: clock.monotonic() - began });
  const record: RunRecord = {
    version: 1,
    runId,
    delivery: plan.delivery,
    pipeline: plan.pipeline,
    planDigest: plan.digest,
    commit,
    startedAt: isoTime(clock.now()),
    ...(options.isolation === undefined ? {} : { isolation: options.isolation }),
    state: { kind: 'running' },
    jobs: {},
  };
  await folder.writeRecord(record);
  emit({ type: 'run.started', runId, jobs: plan.jobs.map((job) => job.name), folder: folder.path });
  const results = await executeJobs(plan, ports, options, emit);
  const outcome = outcomeOf(results.values());
  const durationMs = clock.monotonic() - began;
  await folder.writeRecord({ ...record, state: { kind: 'ended', outcome, durationMs }, jobs: Object.fromEntries(results) });
  await folder.sync();
  emit({ type: 'run.finished', outcome, durationMs });
  return { runId, folder: folder.path, outcome, durationMs, jobs: results };
}

async function executeJobs(
  plan: Plan,
  ports: RunPorts,
  options: RunOptions,
  emit: (fact: RunFact) => void,
): Promise<ReadonlyMap<string, JobResult>> {
  const { clock, folder } = ports;
  const results = new Map<string, JobResult>();
  const outputs = new Map<string, Digest>();
  const running = new Map<string, Promise<void>>();
  let pending: readonly PlannedJob[] = plan.jobs;
  let failed: string | undefined;
  let broken: unknown;
  let why = 'the run was cancelled';
  const stop = new AbortController();
  const cancel = (): void => stop.abort();
  options.signal.addEventListener('abort', cancel, { once: true });
  if (options.signal.aborted) cancel();
  const context: JobContext = {
    ...ports,
    cache: ports.cache,
    runId: options.runId,
    planDigest: plan.digest,
    commit: options.commit,
    secrets: options.secrets,
    effectDecisions: options.effectDecisions ?? {},
    liveOutput: options.output === 'live',
    outputs,
    jobs: new Map(plan.jobs.map((job) => [job.name, job])),
    signal: stop.signal,
    stopped: () => why,
    emit,
  };

  const settle = (job: PlannedJob, result: JobResult): void => {
    results.set(job.name, result);
    // Recorded before the next slot is handed out: nothing starts that this failure forbids.
    if (isFailure(result)) {
      failed ??= job.name;
      if (options.onFailure === 'fail-fast' && !stop.signal.aborted) {
        why = `"${job.name}" failed`;
        stop.abort();
      }
    }
    folder.append({ type: 'job-ended', at: isoTime(clock.now()), job: job.name, result: result.kind });
    emit({ type: 'job.finished', job: job.name, result });
  };
  const run = async (job: PlannedJob): Promise<void> => {
    try {
      folder.append({ type: 'job-began', at: isoTime(clock.now()), job: job.name, effect: job.effect });
      emit({ type: 'job.started', job: job.name });
      const outcome = await executeJob(job, context);
      outputs.set(job.name, outcome.outputs);
      settle(job, outcome.result);
    } catch (error) {
      // The engine itself cannot go on (a full disk while journaling): end what runs, then tell.
      broken ??= error;
      stop.abort();
    }
  };

  try {
    for (;;) {
      if (broken !== undefined) pending = [];
      if (stop.signal.aborted && options.signal.aborted) {
        for (const job of pending) settle(job, { kind: 'cancelled', because: why, attempts: [] });
        pending = [];
      }
      const { start, skip } = nextJobs({ pending, results, failed, running: running.size }, options);
      for (const { job, because } of skip) settle(job, { kind: 'skipped', because });
      const chosen = new Set([...start, ...skip.map(({ job }) => job)]);
      if (chosen.size > 0) pending = pending.filter((job) => !chosen.has(job));
      for (const job of start) {
        const over = run(job).then(() => void running.delete(job.name)); // later than the line below, however soon it ends
        running.set(job.name, over);
      }
      if (running.size === 0) break;
      await Promise.race(running.values());
    }
  } catch (error) {
    broken ??= error;
    stop.abort();
  } finally {
    await Promise.all(running.values());
    options.signal.removeEventListener('abort', cancel);
  }
  if (broken !== undefined) throw broken;
  return new Map(plan.jobs.flatMap((job) => [...entryOf(results, job.name)]));
}

const entryOf = (results: ReadonlyMap<string, JobResult>, name: string): readonly (readonly [string, JobResult])[] => {
  const result = results.get(name);
  return result === undefined ? [] : [[name, result]];
};

/** What the machine refused the engine itself is told as that: the run directory is all that it writes. */
function engineFailure(error: unknown): unknown {
  const fault = systemFault(error);
  if (fault === undefined) return error;
  return new SluiceError('unavailable', `the run directory cannot be written: ${fault.fact}; nothing runs any more`, {
    hint: `${fault.hint}: effects that began are not repeated silently`,
    cause: error,
  });
}
