import { runJobs, type TestJob } from './run-rig.ts';

/** A runner of its own, for tests that kill it: `<project> <runId> <jobs as JSON> [effect decisions as JSON]`. Prints the results as JSON. */
const [project = '', runId = '', jobs = '{}', decisions = '{}'] = process.argv.slice(2);
const { result, events } = await runJobs(project, JSON.parse(jobs) as Record<string, TestJob>, {
  runId,
  effectDecisions: JSON.parse(decisions) as Record<string, 'done' | 'repeat'>,
});
process.stdout.write(JSON.stringify({ jobs: Object.fromEntries(result.jobs), events }));
