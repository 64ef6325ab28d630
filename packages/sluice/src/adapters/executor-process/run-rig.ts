import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock, systemIds } from '#host';
import { digestOfJson, minutes } from '#kernel';
import type { Plan, PlannedJob } from '#run';
import { noSandbox } from '#sandbox';
import { executePlan, type Cache, type RunEvent, type RunOptions, type RunResult } from '#run';
import { openRun, type OpenRunOptions } from './open-run.ts';

/** The `PATH` of jobs in tests: our own Node first. */
export const testPath = `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`;

/** What a test says of a job; the rest is the default. */
export type TestJob = Partial<Omit<PlannedJob, 'name'>>;

/** A plan of jobs, by name, in the order of the record. */
function planOf(jobs: Readonly<Record<string, TestJob>>): Plan {
  const planned = Object.entries(jobs).map(([name, job]): PlannedJob => {
    const whole = {
      name,
      job: name,
      cell: {},
      steps: ['true'],
      needs: [],
      env: {},
      secrets: [],
      services: {},
      inputs: [],
      outputs: [],
      reports: [],
      timeout: minutes(1),
      retry: { attempts: 1, on: [] },
      effect: false,
      ...job,
    };
    return { ...whole, definition: digestOfJson(whole) };
  });
  return { delivery: 'test', pipeline: 'default', jobs: planned, gates: [], digest: digestOfJson(planned) };
}

/** An empty project folder that goes with the test. */
export class TestProject implements Disposable {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-project-')));

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

export type TestRunOptions = Partial<RunOptions> & {
  readonly open?: Partial<OpenRunOptions>;
  readonly cache?: (secrets: Readonly<Record<string, string>>) => Cache;
};

export type TestRun = { readonly result: RunResult; readonly events: readonly RunEvent[] };

/** Runs jobs in a project with real processes. */
export async function runJobs(
  project: string,
  jobs: Readonly<Record<string, TestJob>>,
  { open, cache, ...options }: TestRunOptions = {},
): Promise<TestRun> {
  const events: RunEvent[] = [];
  const runId = options.runId ?? systemIds.next();
  const secrets = options.secrets ?? {};
  const signal = options.signal ?? new AbortController().signal;
  await using run = await openRun({
    project,
    runId,
    path: testPath,
    sandbox: noSandbox(''),
    secrets,
    signal,
    graceMs: 2_000,
    onEvent: (event) => {
      events.push(event);
      options.onEvent?.(event);
    },
    ...open,
  });
  const result = await executePlan(
    planOf(jobs),
    { ...run, clock: systemClock, ...(cache === undefined ? {} : { cache: cache(secrets) }) },
    {
      commit: 'c0ffee',
      parallel: 2,
      onFailure: 'keep-going',
      output: 'file',
      ...options,
      runId,
      secrets,
      signal,
      onEvent: (event) => {
        events.push(event);
        options.onEvent?.(event);
      },
    },
  );
  return { result, events };
}

/** Waits until something is so: the deadline only ends a test that would wait for ever. */
export async function eventually(condition: () => boolean, what = 'the condition'): Promise<void> {
  const deadline = systemClock.monotonic() + 30_000;
  while (!condition()) {
    if (systemClock.monotonic() > deadline) throw new Error(`${what} never came true`);
    await systemClock.sleep(5);
  }
}
