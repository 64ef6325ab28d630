import type { Digest } from '#kernel';
import type { AttemptEnd, JobResult } from './job-result.ts';

/** Everything that can happen in a run. `at` is in milliseconds since its start. */
export type RunEvent = { readonly at: number } & (
  | { readonly type: 'run.started'; readonly runId: string; readonly jobs: readonly string[]; readonly folder: string }
  | { readonly type: 'run.waiting'; readonly for: { readonly runId: string; readonly pid: number } }
  /** A secret that is too short to be masked: it would hide ordinary words. */
  | { readonly type: 'run.secret-not-masked'; readonly secret: string }
  | { readonly type: 'run.leftovers-ended'; readonly runId: string; readonly processes: number }
  | { readonly type: 'job.started'; readonly job: string }
  | { readonly type: 'job.cache-missed'; readonly job: string; readonly key: Digest; readonly because: string }
  | { readonly type: 'job.cache-entry-dropped'; readonly job: string; readonly key: Digest; readonly because: string }
  /** Patterns among the inputs of a job match nothing: a gate does not pass over it. */
  | { readonly type: 'job.inputs-unmatched'; readonly job: string; readonly patterns: readonly string[] }
  | { readonly type: 'job.not-stored'; readonly job: string; readonly because: string }
  | { readonly type: 'job.attempt-started'; readonly job: string; readonly attempt: number; readonly log: string }
  | { readonly type: 'job.output'; readonly job: string; readonly attempt: number; readonly bytes: Uint8Array }
  | {
      readonly type: 'job.attempt-ended';
      readonly job: string;
      readonly attempt: number;
      readonly end: AttemptEnd;
      readonly retried: boolean;
    }
  | { readonly type: 'job.leftovers-ended'; readonly job: string; readonly processes: number }
  | { readonly type: 'job.over-budget'; readonly job: string; readonly budgetMs: number; readonly durationMs: number }
  | { readonly type: 'job.finished'; readonly job: string; readonly result: JobResult }
  | { readonly type: 'run.finished'; readonly outcome: RunOutcome; readonly durationMs: number }
);

/** How a run ended as a whole. */
export type RunOutcome = 'passed' | 'failed' | 'cancelled' | 'unknown-effect';

type WithoutTime<Event> = Event extends unknown ? Omit<Event, 'at'> : never;

/** An event before it gets its time. */
export type RunFact = WithoutTime<RunEvent>;
