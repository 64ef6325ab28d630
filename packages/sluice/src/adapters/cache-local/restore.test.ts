import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock } from '#host';
import { runJobs, testPath, TestProject, type TestJob } from './cache-rig.ts';
import { LocalCache, type TriggerPoint } from './index.ts';

const build: TestJob = {
  steps: ['readlink dist > found || true; rm -rf dist; mkdir -p dist/assets/shared; cat in.txt > dist/assets/shared/file'],
  inputs: ['in.txt'],
  outputs: ['dist'],
};

async function run(project: TestProject, job: TestJob, at: (point: TriggerPoint) => void = () => undefined): Promise<string | undefined> {
  await using cache = new LocalCache({ project: project.path, path: testPath, clock: systemClock, at });
  const { result } = await runJobs(project.path, { job }, cache);
  return result.jobs.get('job')?.kind;
}

const modeOf = (path: string): number => statSync(path).mode & 0o777;

/** A folder with a file outside of the project, which nobody but its owner may change. */
function makeOutside(other: TestProject): string {
  const outside = join(other.path, 'outside');
  mkdirSync(join(outside, 'shared'), { recursive: true });
  writeFileSync(join(outside, 'shared', 'file'), 'theirs');
  chmodSync(join(outside, 'shared'), 0o555);
  chmodSync(outside, 0o755);
  return outside;
}

describe('a link out of the project in what a restore replaces', () => {
  test.each([
    ['the output', 'dist'],
    ['a folder of the output', 'dist/assets'],
    ['a folder deeper down', 'dist/assets/shared'],
  ])('in the place of %s is replaced, and what it leads to keeps its modes and its files', async (_, place) => {
    using project = new TestProject();
    using other = new TestProject();
    const outside = makeOutside(other);
    writeFileSync(join(project.path, 'in.txt'), 'one');
    expect(await run(project, build)).toBe('passed');
    rmSync(join(project.path, place), { recursive: true });
    symlinkSync(outside, join(project.path, place));
    expect(await run(project, build)).toBe('cached');
    expect(readFileSync(join(project.path, 'dist/assets/shared/file'), 'utf8')).toBe('one');
    expect([modeOf(outside), modeOf(join(outside, 'shared'))]).toEqual([0o755, 0o555]);
    expect(readFileSync(join(outside, 'shared/file'), 'utf8')).toBe('theirs');
    expect(readdirSync(join(project.path, '.sluice/cache/tmp'))).toEqual([]);
  });

  test('goes back to its place when the exchange fails, also when it leads nowhere', async () => {
    using project = new TestProject();
    writeFileSync(join(project.path, 'in.txt'), 'one');
    expect(await run(project, build)).toBe('passed');
    rmSync(join(project.path, 'dist'), { recursive: true });
    symlinkSync('/nowhere/at/all', join(project.path, 'dist'));
    const failing = (point: TriggerPoint): void => {
      if (point === 'restore:exchanged') throw new Error('planted');
    };
    // The job that runs instead tells what it found.
    expect(await run(project, build, failing)).toBe('passed');
    expect(readFileSync(join(project.path, 'found'), 'utf8')).toBe('/nowhere/at/all\n');
  });
});
