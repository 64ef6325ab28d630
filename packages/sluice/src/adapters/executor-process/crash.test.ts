import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { identifyProcess, ownCommand, siblingModule } from '#host';
import { listPids, taskOf } from './proc.ts';
import { unresolvedEffects } from './open-run.ts';
import { eventually, runJobs, TestProject, type TestJob } from './run-rig.ts';

type Entry = { readonly type: string };
const readJournal = (folder: string): readonly Entry[] =>
  readFileSync(join(folder, 'journal.jsonl'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Entry);

const pidIn = (project: string, file: string): number => Number(readFileSync(join(project, file), 'utf8'));
const isGone = (pid: number): boolean => identifyProcess(pid) === undefined;
const written = (project: string, file: string): boolean =>
  existsSync(join(project, file)) && readFileSync(join(project, file), 'utf8').endsWith('\n');

function startRunner(
  project: string,
  runId: string,
  jobs: Readonly<Record<string, TestJob>>,
  env: Readonly<Record<string, string>> = {},
): ChildProcess {
  const { command, args } = ownCommand(siblingModule(import.meta.url, './runner-program'), [project, runId, JSON.stringify(jobs)]);
  return spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env['PATH'], ...env } });
}

async function killed(runner: ChildProcess): Promise<void> {
  const over = new Promise((resolve) => runner.once('exit', resolve));
  runner.kill('SIGKILL');
  await over;
}

/** The name under which a run is booked, from what its processes say. */
const nameOf = (runId: string): string =>
  listPids()
    .map((pid) => taskOf(pid))
    .find((task) => task?.startsWith(`${runId}.`))
    ?.split('.')[1] ?? 'nowhere';

const watchdogOf = (runId: string): number | undefined =>
  listPids().find((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      return words.includes('sluice-watchdog') && words.includes(nameOf(runId));
    } catch {
      return false;
    }
  });

describe('I13: SIGKILL of the runner', () => {
  const jobs = {
    plain: { steps: ['(echo $$; exec 2>/dev/null) > plain.pid; exec sleep 1000'] },
    stubborn: {
      steps: [`setsid sh -c 'trap "" TERM HUP; echo $$ > stubborn.pid; while :; do sleep 1000; done' & wait`],
    },
  };

  test('ends its jobs, also those that left its group and ignore SIGTERM, without anybody starting it again', async () => {
    using project = new TestProject();
    const runner = startRunner(project.path, 'doomed', jobs);
    await eventually(() => written(project.path, 'plain.pid') && written(project.path, 'stubborn.pid'), 'both jobs running');
    await killed(runner);
    const pids = ['plain.pid', 'stubborn.pid'].map((file) => pidIn(project.path, file));
    await eventually(() => pids.every(isGone), 'the end of the jobs');
    await eventually(() => listPids().every((pid) => taskOf(pid)?.startsWith('doomed.') !== true), 'the end of everything of the run');
  });

  test('and of its watchdog: the next start finds and ends what is left', async () => {
    using project = new TestProject();
    const runner = startRunner(project.path, 'doubly-doomed', {
      ...jobs,
      // Its environment is empty: only the journal knows it.
      plain: { steps: [`exec env -i sh -c 'echo $$ > plain.pid; exec sleep 1000'`] },
    });
    await eventually(() => written(project.path, 'plain.pid') && written(project.path, 'stubborn.pid'), 'both jobs running');
    process.kill(watchdogOf('doubly-doomed')!, 'SIGKILL');
    await killed(runner);
    const pids = ['plain.pid', 'stubborn.pid'].map((file) => pidIn(project.path, file));
    expect(pids.some(isGone)).toBe(false);
    const { result, events } = await runJobs(project.path, { next: {} });
    expect(result.outcome).toBe('passed');
    expect(pids.every(isGone)).toBe(true);
    expect(events).toContainEqual({ type: 'run.leftovers-ended', runId: 'doubly-doomed', processes: expect.any(Number), at: 0 });
  });

  test('leaves whole journal lines and no temporary files', async () => {
    using project = new TestProject();
    const runner = startRunner(project.path, 'doomed-3', jobs, { TMPDIR: join(project.path, 'tmp') });
    mkdirSync(join(project.path, 'tmp'), { recursive: true });
    await eventually(() => written(project.path, 'plain.pid'), 'the job running').catch(async (error: unknown) => {
      await killed(runner);
      throw error;
    });
    await killed(runner);
    expect(readJournal(join(project.path, '.sluice/runs/doomed-3')).map((entry) => entry.type)).toContain('job-began');
    const temporary = join(project.path, 'tmp', readdirSync(join(project.path, 'tmp'))[0]!);
    await eventually(() => readdirSync(temporary).length === 0, 'an empty temporary folder');
  });
});

describe('I4: a job with an effect outside', () => {
  const deploy: TestJob = { steps: ['echo x >> effect.log; test -e block && { echo begun > begun; sleep 1000; }; true'], effect: true };
  const count = (project: string): number => readFileSync(join(project, 'effect.log'), 'utf8').split('\n').length - 1;

  async function crashIn(project: string): Promise<void> {
    writeFileSync(join(project, 'block'), '');
    const runner = startRunner(project, 'crashed', { deploy });
    await eventually(() => written(project, 'begun'), 'the effect to begin');
    await killed(runner);
    rmSync(join(project, 'block'));
    await eventually(() => listPids().every((pid) => taskOf(pid)?.startsWith('crashed.') !== true), 'the end of the crashed run');
  }

  test('is not repeated after a crash: its end is unknown, the message says how a person decides, and all doubts can be listed', async () => {
    using project = new TestProject();
    await crashIn(project.path);
    expect(await unresolvedEffects(join(project.path, '.sluice'))).toMatchObject([
      { job: 'deploy', runId: 'crashed', state: 'lost', commit: 'c0ffee' },
    ]);
    const { result } = await runJobs(project.path, { deploy, after: { needs: ['deploy'] } });
    // Another plan is another effect; the same plan is the same.
    expect(result.jobs.get('deploy')?.kind).toBe('passed');
    const again = await runJobs(project.path, { deploy });
    expect(again.result.outcome).toBe('unknown-effect');
    expect(again.result.jobs.get('deploy')).toMatchObject({
      kind: 'unknown-effect',
      because: expect.stringMatching(/run crashed began it at .*--effect-done "deploy" or --effect-repeat "deploy"/),
    });
    expect(count(project.path)).toBe(2);
  });

  test('goes on when a person says it is done, and runs again when a person says so', async () => {
    using project = new TestProject();
    await crashIn(project.path);
    const done = await runJobs(project.path, { deploy }, { effectDecisions: { deploy: 'done' } });
    expect(done.result.jobs.get('deploy')?.kind).toBe('confirmed');
    expect(count(project.path)).toBe(1);
    expect(await unresolvedEffects(join(project.path, '.sluice'))).toEqual([]);
    rmSync(join(project.path, 'begun'));
    await crashIn(project.path);
    const repeated = await runJobs(project.path, { deploy }, { effectDecisions: { deploy: 'repeat' } });
    expect(repeated.result.jobs.get('deploy')?.kind).toBe('passed');
    expect(count(project.path)).toBe(3);
    expect(await unresolvedEffects(join(project.path, '.sluice'))).toEqual([]);
  });

  test('that was cut off by Ctrl-C is a doubt too, one that failed by itself is not, and none is tried again', async () => {
    using project = new TestProject();
    const stop = new AbortController();
    writeFileSync(join(project.path, 'block'), '');
    const running = runJobs(project.path, { deploy }, { signal: stop.signal });
    await eventually(() => written(project.path, 'begun'), 'the effect to begin');
    stop.abort();
    await running;
    expect(await unresolvedEffects(join(project.path, '.sluice'))).toMatchObject([{ job: 'deploy', state: 'interrupted' }]);
    const retry = { attempts: 3, on: [{ kind: 'exit-code' as const, codes: [1] }] };
    const failing = await runJobs(project.path, { failing: { steps: ['echo x >> tries; exit 1'], effect: true, retry } });
    expect(failing.result.jobs.get('failing')).toMatchObject({ kind: 'failed', attempts: [{ number: 1 }] });
    expect(await unresolvedEffects(join(project.path, '.sluice'))).toHaveLength(1);
  });

  test('and any other: two runs in one folder go one after the other', async () => {
    using project = new TestProject();
    writeFileSync(join(project.path, 'hold'), '');
    const jobs = { work: { steps: ['test ! -e busy; touch busy; echo $$ > first; while test -e hold; do sleep 0.01; done; rm busy'] } };
    const first = startRunner(project.path, 'first', jobs);
    await eventually(() => written(project.path, 'first'), 'the first run at work');
    const waits: string[] = [];
    const second = runJobs(project.path, jobs, { onEvent: (event) => event.type === 'run.waiting' && waits.push(event.for.runId) });
    await eventually(() => waits.length > 0, 'the second run waiting');
    expect(waits).toEqual(['first']);
    rmSync(join(project.path, 'hold'));
    expect((await second).result.outcome).toBe('passed');
    await eventually(() => first.exitCode !== null, 'the end of the first run');
    expect(first.exitCode).toBe(0);
  });
});

describe('a full disk', () => {
  test.runIf(process.getuid?.() === 0)('while journaling stops every job, and is one clear line', async () => {
    const disk = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-full-')));
    const mount = (words: readonly string[]): Promise<number | null> =>
      new Promise((resolve) => spawn(words[0]!, words.slice(1), { stdio: 'ignore' }).once('exit', resolve));
    expect(await mount(['mount', '-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk])).toBe(0);
    try {
      const jobs: Record<string, TestJob> = {
        waits: { steps: ['echo $$ > waits.pid; sleep 1000'] },
        fills: { steps: ['while ! test -s waits.pid; do sleep 0.01; done; cat /dev/zero > full; true'] },
      };
      // The journal's last block has some room left: a few jobs more use it up.
      for (let at = 0; at < 60; at += 1) jobs[`next${at}`] = { needs: [at === 0 ? 'fills' : `next${at - 1}`] };
      await expect(runJobs(disk, jobs)).rejects.toThrow('the run directory cannot be written: the disk is full; nothing runs any more');
      expect(isGone(pidIn(disk, 'waits.pid'))).toBe(true);
    } finally {
      await mount(['umount', disk]);
      rmSync(disk, { recursive: true, force: true });
    }
  });
});
