import { own, isoTime, SluiceError, systemFault, type Clock, type Digest } from '#kernel';
import type { PlannedJob } from '#plan';
import { relativeTo } from './folder-path.ts';
import type { Attempt, AttemptEnd, Failure, JobResult, UnresolvedEffect } from './job-result.ts';
import type { Cache, CacheTicket, EffectBook, EffectOfRun, Executor, RunFolder, ServiceProvider } from './ports.ts';
import { triesAgain } from './retry.ts';
import type { RunFact } from './run-event.ts';

/** What a person decided about an effect whose end nobody knows. */
export type EffectDecision = 'done' | 'repeat';

/** Everything one job of a run needs from around it. */
export type JobContext = {
  readonly runId: string;
  readonly planDigest: Digest;
  readonly commit: string;
  readonly clock: Clock;
  readonly executor: Executor;
  readonly services: ServiceProvider;
  readonly folder: RunFolder;
  readonly effects: EffectBook;
  readonly cache: Cache | undefined;
  readonly secrets: Readonly<Record<string, string>>;
  readonly effectDecisions: Readonly<Record<string, EffectDecision>>;
  readonly liveOutput: boolean;
  /** Digests of what finished jobs hand on. */
  readonly outputs: ReadonlyMap<string, Digest>;
  /** Jobs of the plan by their names. */
  readonly jobs: ReadonlyMap<string, PlannedJob>;
  /** Aborts when the run is cancelled or a failure stops it. */
  readonly signal: AbortSignal;
  /** Why the signal aborted, for people. */
  readonly stopped: () => string;
  readonly emit: (fact: RunFact) => void;
};

/** A result, and the digest of what the job hands on when it succeeded. */
export type JobOutcome = { readonly result: JobResult; readonly outputs: Digest };

/** Runs one job to its result: from the cache where that holds it, else by attempts. */
export async function executeJob(job: PlannedJob, context: JobContext): Promise<JobOutcome> {
  const began = context.clock.monotonic();
  const looked = await lookUp(job, context, began);
  if (looked.kind === 'result') return looked.outcome;
  // Asked again after every wait: a failure or a Ctrl-C may have come meanwhile.
  if (context.signal.aborted) return unstarted(job, cancelled(context, []));
  if (!job.effect) return attemptAll(job, context, looked.ticket, looked.unmatched);
  return executeEffect(job, context);
}

type LookUp =
  | { readonly kind: 'run'; readonly ticket: CacheTicket | undefined; readonly unmatched?: readonly string[] }
  | { readonly kind: 'result'; readonly outcome: JobOutcome };

async function lookUp(job: PlannedJob, context: JobContext, began: number): Promise<LookUp> {
  const { cache, folder, clock, emit } = context;
  if (cache === undefined || job.effect || job.inputs.length === 0) return { kind: 'run', ticket: undefined };
  const needs: Record<string, Digest> = {};
  for (const need of job.needs) needs[need] = context.outputs.get(need) ?? job.definition;
  const logFile = folder.logFile(job.name, 'cached');
  const needed = job.needs.flatMap((need) => context.jobs.get(need) ?? []);
  const fetched = await cache.fetch({ job, needs, needed }, logFile);
  if (!fetched.ok) {
    const because = fetched.error.message;
    return { kind: 'result', outcome: unstarted(job, failure({ kind: 'not-started', because }, '', context, { began, attempts: [] })) };
  }
  const answer = fetched.value;
  if (answer.kind === 'miss') {
    if (answer.dropped !== undefined)
      emit({ type: 'job.cache-entry-dropped', job: job.name, key: answer.ticket.key, because: answer.dropped });
    emit({ type: 'job.cache-missed', job: job.name, key: answer.ticket.key, because: answer.because });
    if (answer.unmatched.length > 0) emit({ type: 'job.inputs-unmatched', job: job.name, patterns: answer.unmatched });
    return { kind: 'run', ticket: answer.ticket, unmatched: answer.unmatched };
  }
  const reports = job.reports.length === 0 ? [] : await folder.keepReports(job, 0);
  const result: JobResult = {
    kind: 'cached',
    key: answer.key,
    from: answer.from,
    durationMs: clock.monotonic() - began,
    log: answer.log === undefined ? undefined : relativeTo(folder.path, answer.log),
    reports,
  };
  return { kind: 'result', outcome: { result, outputs: answer.outputs } };
}

async function executeEffect(job: PlannedJob, context: JobContext): Promise<JobOutcome> {
  const { effects, folder, clock, runId, planDigest, commit } = context;
  const effect: EffectOfRun = { planDigest, commit, job: job.name, runId };
  const decision = context.effectDecisions[job.name];
  // The record must be on disk before the first process: a crash in between leaves a doubt, never a silent repetition (I4).
  const begun = await effects.begin({ ...effect, beganAt: isoTime(clock.now()) }, decision === 'repeat');
  if (!begun.ok) return unstarted(job, await unresolved(begun.error, decision, context));
  await folder.sync();
  if (context.signal.aborted) {
    await effects.end(effect, 'not-begun');
    return unstarted(job, cancelled(context, []));
  }
  const outcome = await attemptAll(job, context, undefined);
  // Its end, too, is on disk before anybody hears of it: a crash in between must not make the next run do it again.
  await effects.end(effect, endOf(outcome.result));
  return outcome;
}

/** A job that was cut off in the middle may have done any part of its effect. */
function endOf(result: JobResult): 'passed' | 'failed' | 'interrupted' {
  if (result.kind === 'passed') return 'passed';
  if (result.kind !== 'failed') return 'interrupted';
  return ['timeout', 'signal', 'service-died', 'log-lost'].includes(result.failure.kind) ? 'interrupted' : 'failed';
}

async function unresolved(effect: UnresolvedEffect, decision: EffectDecision | undefined, context: JobContext): Promise<JobResult> {
  if (effect.state === 'running') {
    return { kind: 'unknown-effect', effect, because: `run ${effect.runId} is at it right now; wait for it to end` };
  }
  if (effect.state === 'passed' || decision === 'done') {
    // From now on it is this run that has to tell.
    await context.effects.end({ ...effect, runId: context.runId }, 'passed');
    const because =
      effect.state === 'passed'
        ? `run ${effect.runId} did it and was cut off before it could say so; --effect-repeat "${effect.job}" does it again`
        : `a person said that the effect begun by run ${effect.runId} is done`;
    return { kind: 'confirmed', because };
  }
  const fact = effect.state === 'failed' ? 'it failed, and the run was cut off before it could say so' : 'was cut off';
  return {
    kind: 'unknown-effect',
    effect,
    because:
      `run ${effect.runId} began it at ${effect.beganAt} and ${fact}; look whether it happened, then ` +
      `sluice run --effect-done "${effect.job}" or --effect-repeat "${effect.job}"`,
  };
}

async function attemptAll(
  job: PlannedJob,
  context: JobContext,
  ticket: CacheTicket | undefined,
  unmatched: readonly string[] = [],
): Promise<JobOutcome> {
  const { clock, folder, emit } = context;
  const began = clock.monotonic();
  const startedAt = clock.now();
  const attempts: Attempt[] = [];
  for (let number = 1; ; number += 1) {
    const logFile = folder.logFile(job.name, String(number));
    const log = relativeTo(folder.path, logFile);
    emit({ type: 'job.attempt-started', job: job.name, attempt: number, log });
    const attemptBegan = clock.monotonic();
    const end = await attemptOnce(job, context, number, logFile);
    attempts.push({ number, log, durationMs: clock.monotonic() - attemptBegan, end });
    const retried = end.kind === 'failed' && !context.signal.aborted && triesAgain(job, number, end.failure);
    emit({ type: 'job.attempt-ended', job: job.name, attempt: number, end, retried });
    if (retried) continue;
    if (end.kind === 'cancelled') return unstarted(job, cancelled(context, attempts));
    const reports = job.reports.length === 0 ? [] : await folder.keepReports(job, startedAt);
    if (end.kind === 'failed') return unstarted(job, failure(end.failure, end.tail, context, { began, attempts, reports }));
    const durationMs = clock.monotonic() - began;
    if (job.budget !== undefined && durationMs > job.budget) {
      emit({ type: 'job.over-budget', job: job.name, budgetMs: job.budget, durationMs });
    }
    try {
      const outputs = await handOn(job, context, ticket, logFile);
      const told = unmatched.length === 0 ? {} : { unmatched };
      return { result: { kind: 'passed', durationMs, attempts, reports, ...told }, outputs };
    } catch (error) {
      const because = refusalOf(error);
      if (because === undefined) throw error;
      return unstarted(job, failure({ kind: 'outputs-unusable', because }, '', context, { began, attempts, reports }));
    }
  }
}

/** Why what a job made cannot be read, where that is the job's or the machine's doing; undefined for a mistake of ours. */
function refusalOf(error: unknown): string | undefined {
  if (error instanceof SluiceError) return error.message;
  if (error instanceof Error && error.name === 'PathRefused') return error.message;
  return systemFault(error)?.fact;
}

/** Stores the result where it may be stored, and tells what the job hands on. */
async function handOn(job: PlannedJob, context: JobContext, ticket: CacheTicket | undefined, logFile: string): Promise<Digest> {
  const { cache, runId, clock, emit } = context;
  if (cache === undefined) return job.definition;
  if (ticket === undefined) return job.outputs.length === 0 ? job.definition : cache.outputsOf(job);
  const stored = await cache.store({ ticket, job, runId, storedAt: isoTime(clock.now()), logFile });
  if (stored.kind === 'not-stored') emit({ type: 'job.not-stored', job: job.name, because: stored.because });
  return stored.outputs;
}

async function attemptOnce(job: PlannedJob, context: JobContext, attempt: number, logFile: string): Promise<AttemptEnd> {
  const { executor, services, folder, emit, signal } = context;
  const secrets: Record<string, string> = {};
  for (const name of job.secrets) {
    const value = own(context.secrets, name);
    if (value === undefined) return { kind: 'failed', failure: { kind: 'secret-missing', secret: name }, tail: '' };
    secrets[name] = value;
  }
  const request = {
    job,
    attempt,
    logFile,
    secrets,
    ...(context.liveOutput ? { onOutput: (bytes: Uint8Array) => emit({ type: 'job.output', job: job.name, attempt, bytes }) } : {}),
  };
  if (Object.keys(job.services).length === 0) return finished(job, context, await executor.attempt({ ...request, serviceEnv: {} }, signal));
  const started = await services.start(job, (service) => folder.logFile(job.name, `${attempt}.${service}`), signal);
  if (!started.ok) {
    if (started.error === 'cancelled') return { kind: 'cancelled' };
    return { kind: 'failed', failure: started.error, tail: 'tail' in started.error ? started.error.tail : '' };
  }
  const running = started.value;
  const death = new AbortController();
  let died: Failure | undefined;
  void running.died.then((cause) => {
    died = cause;
    death.abort();
  });
  try {
    const report = await executor.attempt({ ...request, serviceEnv: running.env }, AbortSignal.any([signal, death.signal]));
    const end = finished(job, context, report);
    // The job's own failure is then only a consequence: the death is the cause.
    return died === undefined || end.kind === 'succeeded' ? end : { kind: 'failed', failure: died, tail: 'tail' in died ? died.tail : '' };
  } finally {
    await running.stop();
  }
}

function finished(
  job: PlannedJob,
  { executor, emit }: JobContext,
  { end, leftovers }: Awaited<ReturnType<Executor['attempt']>>,
): AttemptEnd {
  if (leftovers > 0) emit({ type: 'job.leftovers-ended', job: job.name, processes: leftovers });
  if (end.kind !== 'succeeded' || job.outputs.length === 0) return end;
  const paths = executor.missing(job.outputs);
  return paths.length === 0 ? end : { kind: 'failed', failure: { kind: 'output-missing', paths }, tail: '' };
}

type Around = { readonly began: number; readonly attempts: readonly Attempt[]; readonly reports?: JobOutcomeReports };
type JobOutcomeReports = Extract<JobResult, { readonly kind: 'failed' }>['reports'];

const failure = (cause: Failure, tail: string, { clock }: JobContext, { began, attempts, reports = [] }: Around): JobResult => ({
  kind: 'failed',
  failure: cause,
  tail,
  durationMs: clock.monotonic() - began,
  attempts,
  reports,
});

const cancelled = (context: JobContext, attempts: readonly Attempt[]): JobResult => ({
  kind: 'cancelled',
  because: context.stopped(),
  attempts,
});

/** Jobs without a success hand nothing on; nothing that needs them will ask. */
const unstarted = (job: PlannedJob, result: JobResult): JobOutcome => ({ result, outputs: job.definition });
