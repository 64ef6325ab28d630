import { systemClock } from '#host';
import { runJobs, testPath, type TestJob } from './cache-rig.ts';
import { LocalCache } from './local-cache.ts';

/** A runner of its own, for tests: `<project> <jobs as JSON> <point>`. It kills itself with SIGKILL when it comes to that point. */
const [project = '', jobs = '{}', point = ''] = process.argv.slice(2);
await using cache = new LocalCache({
  project,
  path: testPath,
  clock: systemClock,
  at: (here) => {
    if (here === point) process.kill(process.pid, 'SIGKILL');
  },
});
await runJobs(project, JSON.parse(jobs) as Record<string, TestJob>, cache);
