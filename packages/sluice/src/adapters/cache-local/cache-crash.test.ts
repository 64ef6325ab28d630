import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ownCommand, siblingModule, systemClock } from '#host';
import { runJobs, testPath, TestProject, type TestJob, type TestRun } from './cache-rig.ts';
import { LocalCache, type TriggerPoint } from './index.ts';

const path = testPath;
const jobs: Readonly<Record<string, TestJob>> = {
  build: {
    steps: ['mkdir -p out more; cat in.txt > out/a; cat in.txt > out/b; cat in.txt > more/c'],
    inputs: ['in.txt'],
    outputs: ['out', 'more'],
  },
};

/** Runs in a process of its own; tells by which signal it ended. */
function runUntil(project: string, point: TriggerPoint | 'the end'): Promise<string | null> {
  const { command, args } = ownCommand(siblingModule(import.meta.url, './cache-program'), [project, JSON.stringify(jobs), point]);
  const child = spawn(command, args, { stdio: 'inherit', env: { PATH: path } });
  return new Promise((resolve) => child.once('exit', (_, signal) => resolve(signal)));
}

async function run(project: string): Promise<TestRun> {
  await using cache = new LocalCache({ project, path, clock: systemClock });
  return await runJobs(project, jobs, cache);
}

const kindOf = ({ result }: TestRun): string | undefined => result.jobs.get('build')?.kind;
const outputs = (project: string): readonly string[] =>
  ['out/a', 'out/b', 'more/c'].map((file) => readFileSync(join(project, file), 'utf8'));
const leftInTmp = (project: string): readonly string[] => readdirSync(join(project, '.sluice/cache/tmp'));

describe('I12: SIGKILL in the middle of', () => {
  test.each<readonly [TriggerPoint, string]>([
    ['store:written', 'passed'],
    ['store:visible', 'cached'],
  ])('storing, at %s: the next run is %s, with whole outputs, and nothing unfinished stays', async (point, kind) => {
    using project = new TestProject();
    writeFileSync(join(project.path, 'in.txt'), 'one');
    expect(await runUntil(project.path, point)).toBe('SIGKILL');
    rmSync(join(project.path, 'out'), { recursive: true });
    expect(kindOf(await run(project.path))).toBe(kind);
    expect(outputs(project.path)).toEqual(['one', 'one', 'one']);
    writeFileSync(join(project.path, 'in.txt'), 'two');
    await run(project.path);
    expect(leftInTmp(project.path)).toEqual([]);
  });

  test.each<TriggerPoint>(['restore:staged', 'restore:exchanged'])('restoring, at %s: the next run restores everything', async (point) => {
    using project = new TestProject();
    for (const content of ['one', 'two']) {
      writeFileSync(join(project.path, 'in.txt'), content);
      await run(project.path);
    }
    writeFileSync(join(project.path, 'in.txt'), 'one');
    expect(await runUntil(project.path, point)).toBe('SIGKILL');
    if (point === 'restore:staged') expect(outputs(project.path)).toEqual(['two', 'two', 'two']);
    expect(kindOf(await run(project.path))).toBe('cached');
    expect(outputs(project.path)).toEqual(['one', 'one', 'one']);
    writeFileSync(join(project.path, 'in.txt'), 'three');
    await run(project.path);
    expect(leftInTmp(project.path)).toEqual([]);
  });
});

test('I12: an entry that is evicted while it is restored is delivered whole', async () => {
  using project = new TestProject();
  writeFileSync(join(project.path, 'in.txt'), 'one');
  await run(project.path);
  rmSync(join(project.path, 'out'), { recursive: true });
  const entries = join(project.path, '.sluice/cache/entries');
  const evicting = (): void => readdirSync(entries).forEach((name) => rmSync(join(entries, name)));
  await using cache = new LocalCache({ project: project.path, path, clock: systemClock, at: evicting });
  expect(kindOf(await runJobs(project.path, jobs, cache))).toBe('cached');
  expect(outputs(project.path)).toEqual(['one', 'one', 'one']);
});

test('an exchange that fails takes back those before it, and the job runs', async () => {
  using project = new TestProject();
  writeFileSync(join(project.path, 'in.txt'), 'one');
  await run(project.path);
  rmSync(join(project.path, 'out'), { recursive: true });
  let exchanged = 0;
  const failing = (point: TriggerPoint): void => {
    if (point !== 'restore:exchanged') return;
    exchanged += 1;
    if (exchanged === 2) throw new Error('planted');
  };
  await using cache = new LocalCache({ project: project.path, path, clock: systemClock, at: failing });
  const { result, events } = await runJobs(project.path, { build: { ...jobs['build']!, steps: jobs['build']!.steps! } }, cache);
  expect(exchanged).toBe(2);
  expect(result.jobs.get('build')?.kind).toBe('passed');
  expect(events).toContainEqual(expect.objectContaining({ type: 'job.cache-entry-dropped', because: 'planted' }));
  expect(outputs(project.path)).toEqual(['one', 'one', 'one']);
});

test.runIf(process.getuid?.() === 0)('a full disk while caching: the job passes, nothing is stored, and the reason is told', async () => {
  const disk = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-full-')));
  const command = (words: readonly string[]): Promise<number | null> =>
    new Promise((resolve) => spawn(words[0]!, words.slice(1), { stdio: 'ignore' }).once('exit', resolve));
  expect(await command(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk])).toBe(0);
  try {
    writeFileSync(join(disk, 'in.txt'), 'one');
    const big: TestJob = { steps: ['mkdir -p out; head -c 600000 /dev/zero > out/big'], inputs: ['in.txt'], outputs: ['out'] };
    await using cache = new LocalCache({ project: disk, path, clock: systemClock });
    const { result, events } = await runJobs(disk, { big }, cache);
    expect(result.jobs.get('big')?.kind).toBe('passed');
    expect(events).toContainEqual(expect.objectContaining({ type: 'job.not-stored', because: 'the disk is full' }));
    expect(readdirSync(join(disk, '.sluice/cache/entries'))).toEqual([]);
    expect(readdirSync(join(disk, '.sluice/cache/tmp'))).toEqual([]);
    expect(existsSync(join(disk, 'out/big'))).toBe(true);
  } finally {
    await command(['umount', disk]);
    rmSync(disk, { recursive: true, force: true });
  }
});
