import { homedir } from 'node:os';
import { noSandbox, openSandbox } from '#sandbox';
import { runJobs, testPath, type TestJob } from './run-rig.ts';

/** A runner of its own, for tests that kill it: `<project> <runId> <jobs as JSON> [effect decisions as JSON] [bubblewrap|namespaces]`. Prints the results as JSON. */
const [project = '', runId = '', jobs = '{}', decisions = '{}', kind] = process.argv.slice(2);
const only = kind === 'bubblewrap' || kind === 'namespaces' ? kind : undefined;
const sandbox = only === undefined ? noSandbox('') : await openSandbox({ path: testPath, home: homedir(), only });
const { result, events } = await runJobs(project, JSON.parse(jobs) as Record<string, TestJob>, {
  runId,
  open: { sandbox },
  effectDecisions: JSON.parse(decisions) as Record<string, 'done' | 'repeat'>,
});
process.stdout.write(JSON.stringify({ jobs: Object.fromEntries(result.jobs), events }));
