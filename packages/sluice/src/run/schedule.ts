import type { PlannedJob } from '#plan';
import { succeeded, type JobResult } from './job-result.ts';

/** What to do with the rest once a job failed: run all that does not depend on the failure, or stop. */
export type OnFailure = 'keep-going' | 'fail-fast';

/** How far a run is. `pending` keeps the order of the plan: a job stands after everything it needs. */
export type Progress = {
  readonly pending: readonly PlannedJob[];
  readonly results: ReadonlyMap<string, JobResult>;
  /** A job that failed, when there is one. */
  readonly failed: string | undefined;
  readonly running: number;
};

export type SchedulePolicy = { readonly parallel: number; readonly onFailure: OnFailure };

/** What happens next: jobs to start now, and jobs that will never start. */
export type Schedule = {
  readonly start: readonly PlannedJob[];
  readonly skip: readonly { readonly job: PlannedJob; readonly because: string }[];
};

/**
 * Which jobs start now. A job starts when its own needs are met, never by level, and only while a slot is free.
 * Call it again after every result: a result recorded before is always seen, so nothing starts after a failure that forbids it.
 */
export function nextJobs({ pending, results, failed, running }: Progress, { parallel, onFailure }: SchedulePolicy): Schedule {
  if (failed !== undefined && onFailure === 'fail-fast') {
    return { start: [], skip: pending.map((job) => ({ job, because: `"${failed}" failed` })) };
  }
  const start: PlannedJob[] = [];
  const skip: Schedule['skip'][number][] = [];
  const skipped = new Set<string>();
  for (const job of pending) {
    // Without a failure nothing can be skipped, and the rest of the plan need not be looked at.
    if (failed === undefined && start.length + running >= parallel) break;
    const broken = job.needs.find((need) => skipped.has(need) || isBroken(results.get(need)));
    if (broken !== undefined) {
      skipped.add(job.name);
      skip.push({ job, because: `it needs "${broken}", which did not pass` });
    } else if (start.length + running < parallel && job.needs.every((need) => results.has(need))) {
      start.push(job);
    }
  }
  return { start, skip };
}

const isBroken = (result: JobResult | undefined): boolean => result !== undefined && !succeeded(result);
