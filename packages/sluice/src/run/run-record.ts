import type { Digest, Isolation } from '#kernel';
import type { JobResult } from './job-result.ts';
import type { RunOutcome } from './run-event.ts';

/** `run.json`: what a run is and how it ended. */
export type RunRecord = {
  readonly version: 1;
  readonly runId: string;
  readonly delivery: string;
  readonly pipeline: string;
  readonly planDigest: Digest;
  readonly commit: string;
  readonly startedAt: string;
  /** Behind which walls its jobs ran; runs of before had none. */
  readonly isolation?: Isolation;
  readonly state: { readonly kind: 'running' } | { readonly kind: 'ended'; readonly outcome: RunOutcome; readonly durationMs: number };
  readonly jobs: Readonly<Record<string, JobResult>>;
};

/** One line of `journal.jsonl`, in the order in which things happened. */
export type JournalEntry =
  | { readonly type: 'job-began'; readonly at: string; readonly job: string; readonly effect: boolean }
  | { readonly type: 'job-ended'; readonly at: string; readonly job: string; readonly result: JobResult['kind'] };

/** What a run came to. */
export type RunResult = {
  readonly runId: string;
  readonly folder: string;
  readonly outcome: RunOutcome;
  readonly durationMs: number;
  readonly jobs: ReadonlyMap<string, JobResult>;
};

/** The outcome of all results together. A cancelled run is no failure of the work, and an unknown effect is neither. */
export function outcomeOf(results: Iterable<JobResult>): RunOutcome {
  const kinds = new Set<JobResult['kind']>();
  for (const result of results) kinds.add(result.kind);
  if (kinds.has('failed')) return 'failed';
  if (kinds.has('unknown-effect')) return 'unknown-effect';
  return kinds.has('cancelled') ? 'cancelled' : 'passed';
}
