import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock, systemIds } from '#host';
import { digestOf, digestOfJson, minutes, ok } from '#kernel';
import { executePlan, type Cache, type Executor, type Plan, type PlannedJob, type RunEvent, type RunFolder, type RunResult } from '#run';

/** The `PATH` of jobs in tests: our own Node first. */
export const testPath = `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`;

/** What a test says of a job; the rest is the default. */
export type TestJob = Partial<Omit<PlannedJob, 'name'>>;

export type TestRun = { readonly result: RunResult; readonly events: readonly RunEvent[] };

/** An empty project folder that goes with the test. */
export class TestProject implements Disposable {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-cache-')));

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Runs jobs with a cache and the simplest executor there is: the steps as one line of the shell. */
export async function runJobs(
  project: string,
  jobs: Readonly<Record<string, TestJob>>,
  cache: Cache,
  secrets: Readonly<Record<string, string>> = {},
): Promise<TestRun> {
  const events: RunEvent[] = [];
  const runId = systemIds.next();
  const result = await executePlan(
    planOf(jobs),
    {
      clock: systemClock,
      cache,
      executor: shellExecutor(project),
      folder: plainFolder(project, runId),
      services: { start: () => Promise.reject(new Error('no services here')) },
      effects: { begin: () => Promise.resolve(ok(undefined)), end: () => Promise.resolve(), unresolved: () => Promise.resolve([]) },
    },
    {
      runId,
      commit: 'c0ffee',
      parallel: 2,
      onFailure: 'keep-going',
      secrets,
      output: 'file',
      signal: new AbortController().signal,
      onEvent: (event) => events.push(event),
    },
  );
  return { result, events };
}

function planOf(jobs: Readonly<Record<string, TestJob>>): Plan {
  const planned = Object.entries(jobs).map(([name, job]): PlannedJob => {
    const defaults = { cell: {}, steps: ['true'], needs: [], env: {}, secrets: [], services: {}, inputs: [], outputs: [], reports: [] };
    const whole = { name, job: name, ...defaults, timeout: minutes(1), retry: { attempts: 1, on: [] }, effect: false, ...job };
    return { ...whole, definition: digestOfJson(whole) };
  });
  return { delivery: 'test', pipeline: 'default', jobs: planned, gates: [], digest: digestOfJson(planned) };
}

function shellExecutor(project: string): Executor {
  return {
    missing: (paths) => paths.filter((path) => !existsSync(join(project, path))),
    attempt: async ({ job, logFile, secrets }) => {
      const log = openSync(logFile, 'a', 0o600);
      const env = { PATH: testPath, TMPDIR: tmpdir(), ...job.env, ...secrets };
      // What secrets print is masked elsewhere: here it is thrown away.
      const stdio = job.secrets.length > 0 ? ('ignore' as const) : (['ignore', log, log] as const);
      const child = spawn('/bin/sh', ['-ec', job.steps.join('\n')], { cwd: project, env, stdio: stdio === 'ignore' ? stdio : [...stdio] });
      const code = await new Promise<number>((resolve) => child.once('exit', (status) => resolve(status ?? 1)));
      closeSync(log);
      return {
        leftovers: 0,
        end: code === 0 ? { kind: 'succeeded' } : { kind: 'failed', failure: { kind: 'exit-code', code, step: 1 }, tail: '' },
      };
    },
  };
}

function plainFolder(project: string, runId: string): RunFolder {
  const path = join(project, '.sluice', 'runs', runId);
  mkdirSync(path, { recursive: true });
  return {
    path,
    append: () => undefined,
    sync: () => Promise.resolve(),
    logFile: (job, part) => join(path, `${job}.${part}.log`),
    keepReports: (job) =>
      Promise.resolve(
        job.reports.map((report) =>
          existsSync(join(project, report.path))
            ? { kind: 'kept' as const, report, file: report.path, digest: digestOf('') }
            : { kind: 'missing' as const, report },
        ),
      ),
    writeRecord: () => Promise.resolve(),
  };
}
