import { existsSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { identifyProcess } from '#host';
import { milliseconds, seconds } from '#kernel';
import { eventually, runJobs, TestProject } from './run-rig.ts';

const logOf = (folder: string, name: string): string => readFileSync(join(folder, 'logs', `${name}.log`), 'utf8');
const pidIn = (project: string, file: string): number => Number(readFileSync(join(project, file), 'utf8'));
const isGone = (pid: number): boolean => identifyProcess(pid) === undefined;

describe('R-RUN-01: jobs run as processes', () => {
  test('two dependent jobs run in order, and the run directory tells it all', async () => {
    using project = new TestProject();
    const { result } = await runJobs(project.path, {
      one: { steps: ['echo first > made.txt', ['sh', '-c', 'echo "done: $1"', 'sh', 'a b']] },
      two: { steps: ['cat made.txt; echo oops >&2'], needs: ['one'] },
    });
    expect(result.outcome).toBe('passed');
    expect([...result.jobs.values()].map((job) => job.kind)).toEqual(['passed', 'passed']);
    expect(logOf(result.folder, 'one.1')).toBe('done: a b\n');
    expect(logOf(result.folder, 'two.1')).toBe('first\noops\n');
    const record: unknown = JSON.parse(readFileSync(join(result.folder, 'run.json'), 'utf8'));
    expect(record).toMatchObject({ state: { kind: 'ended', outcome: 'passed' }, jobs: { one: { kind: 'passed' } } });
    expect(existsSync(join(project.path, '.sluice', 'run.lock'))).toBe(false);
  });

  test('a failure names the step and its exit code, keeps the end of the log, and skips what needs the job', async () => {
    using project = new TestProject();
    const { result } = await runJobs(project.path, {
      bad: { steps: ['true', 'echo why; exit 7', 'echo never'] },
      after: { needs: ['bad'] },
      last: { needs: ['after'] },
      other: {},
    });
    expect(result.outcome).toBe('failed');
    expect(result.jobs.get('bad')).toMatchObject({ kind: 'failed', failure: { kind: 'exit-code', code: 7, step: 2 }, tail: 'why\n' });
    expect(result.jobs.get('last')).toEqual({ kind: 'skipped', because: 'it needs "after", which did not pass' });
    expect(result.jobs.get('other')?.kind).toBe('passed');
  });

  test('a program that does not exist, and an output that was not made, are clear failures', async () => {
    using project = new TestProject();
    const { result } = await runJobs(project.path, { typo: { steps: [['no-such-program']] }, lazy: { outputs: ['dist'] } });
    expect(result.jobs.get('typo')).toMatchObject({
      failure: { kind: 'not-started', because: expect.stringContaining('no program "no-such-program"') },
    });
    expect(result.jobs.get('lazy')).toMatchObject({ failure: { kind: 'output-missing', paths: ['dist'] } });
  });

  test('a retry happens only for the named cause, keeps every attempt with its log, and a late pass is visible', async () => {
    using project = new TestProject();
    const { result } = await runJobs(project.path, {
      flaky: {
        steps: ['echo try; test -e again && exit 0; touch again; exit 75'],
        retry: { attempts: 3, on: [{ kind: 'exit-code', codes: [75] }] },
      },
      firm: { steps: ['exit 1'], retry: { attempts: 3, on: [{ kind: 'exit-code', codes: [75] }, { kind: 'signal' }] } },
      killed: { steps: ['test -e k && exit 0; touch k; kill -9 $$'], retry: { attempts: 2, on: [{ kind: 'signal' }] } },
    });
    const flaky = result.jobs.get('flaky');
    expect(flaky).toMatchObject({
      kind: 'passed',
      attempts: [
        { number: 1, end: { kind: 'failed' } },
        { number: 2, end: { kind: 'succeeded' } },
      ],
    });
    expect(logOf(result.folder, 'flaky.1')).toBe('try\n');
    expect(result.jobs.get('firm')).toMatchObject({ kind: 'failed', attempts: [{ number: 1 }] });
    expect(result.jobs.get('killed')).toMatchObject({
      kind: 'passed',
      attempts: [{ end: { failure: { kind: 'signal', signal: 'SIGKILL' } } }, {}],
    });
  });

  test('fail-fast stops what runs and starts nothing more', async () => {
    using project = new TestProject();
    const { result } = await runJobs(
      project.path,
      { bad: { steps: ['exit 1'] }, slow: { steps: ['sleep 1000'] }, later: {} },
      { onFailure: 'fail-fast' },
    );
    expect(result.jobs.get('slow')).toMatchObject({ kind: 'cancelled', because: '"bad" failed' });
    expect(result.jobs.get('later')).toMatchObject({ kind: 'skipped', because: '"bad" failed' });
  });
});

describe('I11: the environment of a job', () => {
  test('holds nothing that was not declared', async () => {
    using project = new TestProject();
    process.env['UNDECLARED'] = 'leaked';
    try {
      const { result } = await runJobs(project.path, { env: { steps: ['env | sort'], env: { DECLARED: 'yes' }, cell: { node: 24 } } });
      const names = logOf(result.folder, 'env.1')
        .trim()
        .split('\n')
        .map((line) => line.split('=')[0]);
      expect(names.filter((name) => !['PWD', 'SHLVL', '_'].includes(name!))).toEqual(
        ['CI', 'DECLARED', 'HOME', 'LANG', 'MATRIX_NODE', 'PATH', 'SLUICE_JOB', 'SLUICE_TASK', 'TMPDIR', 'TZ'].toSorted(),
      );
    } finally {
      delete process.env['UNDECLARED'];
    }
  });

  test('gets only the secrets it named, and no log shows them, wherever output is cut', async () => {
    using project = new TestProject();
    const secrets = { TOKEN: 'hunter22-hunter22', OTHER: 'do not tell' };
    const { result } = await runJobs(
      project.path,
      {
        asks: {
          steps: [`printf 'hunter22-'; sleep 0.05; echo hunter22; printf %s "$TOKEN" | base64; echo "\${OTHER:-none}"`],
          secrets: ['TOKEN'],
        },
        prints: { steps: ['echo "do not"" tell" >&2; exit 3'] },
      },
      { secrets },
    );
    // The padding of a base64 form may stay.
    expect(logOf(result.folder, 'asks.1')).toMatch(/^\*\*\*\n\*\*\*=*\nnone\n$/);
    expect(result.jobs.get('prints')).toMatchObject({ kind: 'failed', tail: '***\n' });
    const all = readdirSync(result.folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
      .join('');
    expect(all).not.toMatch(/hunter22|do not tell/);
  });

  test('kept reports are masked, and a secret too short to mask is reported', async () => {
    using project = new TestProject();
    const unit = {
      steps: ['echo "<testsuite>hunter22</testsuite>" > unit.xml'],
      reports: [{ format: 'junit' as const, path: 'unit.xml' }],
    };
    const { result, events } = await runJobs(project.path, { unit }, { secrets: { TOKEN: 'hunter22', PIN: '1234' } });
    const job = result.jobs.get('unit');
    const report = job?.kind === 'passed' ? job.reports[0] : undefined;
    expect(report?.kind === 'kept' && readFileSync(join(result.folder, report.file), 'utf8')).toBe('<testsuite>***</testsuite>\n');
    expect(events).toContainEqual({ type: 'run.secret-not-masked', secret: 'PIN', at: 0 });
  });

  test('a secret that is not set fails the job that names it', async () => {
    using project = new TestProject();
    const { result } = await runJobs(project.path, { asks: { secrets: ['TOKEN'] } });
    expect(result.jobs.get('asks')).toMatchObject({ kind: 'failed', failure: { kind: 'secret-missing', secret: 'TOKEN' } });
  });
});

describe('I13: no process outlives its job', () => {
  test.each([
    ['a child in the background', 'sleep 1000 & echo $! > pid'],
    [
      'a child that ignores SIGTERM',
      `sh -c 'trap "" TERM; echo $$ > pid; while :; do sleep 1000; done' & while ! test -s pid; do sleep 0.01; done`,
    ],
    ['a child in a session of its own', `setsid sh -c 'echo $$ > pid; exec sleep 1000' & while ! test -s pid; do sleep 0.01; done`],
    [
      'a daemon that forked twice and closed its streams',
      `(setsid sh -c 'echo $$ > pid; exec sleep 1000' </dev/null >/dev/null 2>&1 &) ; while ! test -s pid; do sleep 0.01; done`,
    ],
    [
      'a daemon with an empty environment that has the log open',
      `(env -i setsid sh -c 'echo $$ > pid; exec sleep 1000' </dev/null 2>/dev/null &) ; while ! test -s pid; do sleep 0.01; done`,
    ],
  ])('%s is ended, and the result stays that of the job', async (_, step) => {
    using project = new TestProject();
    const { result, events } = await runJobs(project.path, { leaks: { steps: [step, 'exit 5'] } }, { open: { graceMs: 100 } });
    expect(isGone(pidIn(project.path, 'pid'))).toBe(true);
    expect(result.jobs.get('leaks')).toMatchObject({ failure: { kind: 'exit-code', code: 5 } });
    expect(events).toContainEqual(expect.objectContaining({ type: 'job.leftovers-ended', job: 'leaks' }));
  });

  test('also when the project is entered by a link', async () => {
    using project = new TestProject();
    using other = new TestProject();
    symlinkSync(project.path, join(other.path, 'link'));
    await runJobs(join(other.path, 'link'), {
      leaks: {
        steps: [
          `(env -i setsid sh -c 'echo $$ > pid; exec sleep 1000' </dev/null 2>/dev/null &) ; while ! test -s pid; do sleep 0.01; done`,
        ],
      },
    });
    expect(isGone(pidIn(project.path, 'pid'))).toBe(true);
  });

  test('a child that holds the output open does not keep a masked job from ending', async () => {
    using project = new TestProject();
    const { result } = await runJobs(
      project.path,
      { leaks: { steps: ['sleep 1000 & echo $! > pid; echo out'] } },
      { secrets: { TOKEN: 'hunter22' } },
    );
    expect(result.jobs.get('leaks')?.kind).toBe('passed');
    expect(logOf(result.folder, 'leaks.1')).toBe('out\n');
    expect(isGone(pidIn(project.path, 'pid'))).toBe(true);
  });

  test('a job that takes too long is stopped with everything it started, also when it ignores SIGTERM', async () => {
    using project = new TestProject();
    const { result } = await runJobs(
      project.path,
      { slow: { steps: [`trap '' TERM; echo begun; (sleep 1000 & echo $! > pid; wait) ; sleep 1000`], timeout: seconds(1) } },
      { open: { graceMs: 100 } },
    );
    expect(result.jobs.get('slow')).toMatchObject({ kind: 'failed', failure: { kind: 'timeout', afterMs: 1_000 }, tail: 'begun\n' });
    expect(isGone(pidIn(project.path, 'pid'))).toBe(true);
  });

  test('cancelling asks with SIGTERM first, so that a job can clean up', async () => {
    using project = new TestProject();
    const stop = new AbortController();
    const running = runJobs(
      project.path,
      {
        polite: { steps: [`trap 'echo cleaned > cleaned; exit 0' TERM; echo up > up; while :; do sleep 0.01; done`] },
        next: { needs: ['polite'] },
      },
      { signal: stop.signal },
    );
    await eventually(() => existsSync(join(project.path, 'up')));
    stop.abort();
    const { result } = await running;
    expect(result.outcome).toBe('cancelled');
    expect([...result.jobs.values()].map((job) => job.kind)).toEqual(['cancelled', 'cancelled']);
    expect(readFileSync(join(project.path, 'cleaned'), 'utf8')).toBe('cleaned\n');
  });

  test('a second request to stop ends the grace at once', async () => {
    using project = new TestProject();
    const [stop, force] = [new AbortController(), new AbortController()];
    const running = runJobs(
      project.path,
      { stubborn: { steps: [`trap '' TERM; echo $$ > pid; while :; do sleep 1000; done`] } },
      { signal: stop.signal, open: { graceMs: 3_600_000, force: force.signal } },
    );
    await eventually(() => existsSync(join(project.path, 'pid')) && pidIn(project.path, 'pid') > 0);
    stop.abort();
    force.abort();
    expect((await running).result.outcome).toBe('cancelled');
    expect(isGone(pidIn(project.path, 'pid'))).toBe(true);
  });
});

test('a report older than the job is stale, and one that is not there is missing', async () => {
  using project = new TestProject();
  writeFileSync(join(project.path, 'old.xml'), '<testsuite/>');
  const { result } = await runJobs(project.path, {
    wait: { steps: ['sleep 0.1'] },
    unit: {
      needs: ['wait'],
      steps: ['echo "<testsuite/>" > new.xml'],
      reports: [
        { format: 'junit', path: 'new.xml' },
        { format: 'junit', path: 'old.xml' },
        { format: 'lcov', path: 'none.info' },
      ],
      budget: milliseconds(0),
    },
  });
  const unit = result.jobs.get('unit');
  expect(unit?.kind === 'passed' && unit.reports.map((report) => report.kind)).toEqual(['kept', 'stale', 'missing']);
});

test('a project that cannot be written to is one clear line', async () => {
  using project = new TestProject();
  writeFileSync(join(project.path, '.sluice'), 'a file where the folder should be');
  await expect(runJobs(project.path, { job: {} })).rejects.toThrow(/\.sluice is no folder, so nothing in it can be trusted$/);
});
