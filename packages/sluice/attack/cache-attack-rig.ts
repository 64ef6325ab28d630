import { systemClock } from '#host';
import type { JobResult, RunEvent } from '#run';
import { LocalCache } from '#cache-local';
import { runJobs, testPath, TestProject, type TestJob } from '../src/adapters/cache-local/cache-rig.ts';

export { TestProject, type TestJob };

/** What one run of some jobs came to, with a cache of its own as any run has it. */
export type Told = {
  readonly kinds: readonly JobResult['kind'][];
  /** Why results were not stored. */
  readonly notStored: readonly string[];
  /** Why jobs could not be started. */
  readonly refused: readonly string[];
  readonly events: readonly RunEvent[];
};

export async function runIn(project: TestProject, jobs: Readonly<Record<string, TestJob>>): Promise<Told> {
  await using cache = new LocalCache({ project: project.path, path: testPath, clock: systemClock });
  const { result, events } = await runJobs(project.path, jobs, cache);
  const results = [...result.jobs.values()];
  return {
    kinds: results.map(({ kind }) => kind),
    notStored: events.flatMap((event) => (event.type === 'job.not-stored' ? [event.because] : [])),
    refused: results.flatMap((job) => (job.kind === 'failed' && job.failure.kind === 'not-started' ? [job.failure.because] : [])),
    events,
  };
}
