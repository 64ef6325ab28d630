import type { AttemptRequest } from '#run';
import { taskVariable } from './project-state.ts';

/** What differs from run to run: it reaches jobs, and is not part of what a cached result depends on. */
export type RunSurroundings = { readonly path: string; readonly home: string; readonly temporary: string; readonly task: string };

/**
 * The whole environment of a job; nothing else is inherited. `PATH` is the runner's and part of the cache key; `HOME` and `TMPDIR` are empty
 * folders of this run, so that no login, token or tool setting of the person who runs it leaks in; language and time zone are fixed.
 */
export function jobEnvironment(
  { job, serviceEnv, secrets }: Pick<AttemptRequest, 'job' | 'serviceEnv' | 'secrets'>,
  { path, home, temporary, task }: RunSurroundings,
): Record<string, string> {
  return {
    PATH: path,
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    CI: 'true',
    ...matrixVariables(job.cell),
    ...job.env,
    ...serviceEnv,
    ...secrets,
    HOME: job.env['HOME'] ?? home,
    TMPDIR: temporary,
    SLUICE_JOB: job.name,
    [taskVariable]: task,
  };
}

function matrixVariables(cell: Readonly<Record<string, string | number>>): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [axis, value] of Object.entries(cell))
    variables[`MATRIX_${axis.replaceAll(/[^A-Za-z0-9]/g, '_').toUpperCase()}`] = String(value);
  return variables;
}
