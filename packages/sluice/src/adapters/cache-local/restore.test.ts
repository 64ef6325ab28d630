import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
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

/** Root may empty every folder: as root this is done as the user "nobody". */
const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
const module = fileURLToPath(new URL('remove-tree.ts', import.meta.url));
const mayRead = spawnSync('/usr/bin/test', ['-r', module], nobody).status === 0;

test.runIf(mayRead)('read-only folders are removed with all that is in them, and nothing that a link in them leads to', () => {
  using project = new TestProject();
  using other = new TestProject();
  const outside = makeOutside(other);
  const tree = join(project.path, 'tree');
  mkdirSync(join(tree, 'a/b'), { recursive: true });
  writeFileSync(join(tree, 'a/b/file'), '');
  symlinkSync(join(outside, 'shared'), join(tree, 'a/b/link'));
  const folders = [project.path, other.path, outside, join(outside, 'shared'), tree, join(tree, 'a'), join(tree, 'a/b')];
  if (nobody.uid !== undefined) for (const folder of folders) chownSync(folder, nobody.uid, nobody.gid);
  for (const folder of ['tree/a/b', 'tree/a', 'tree']) chmodSync(join(project.path, folder), 0o500);
  const script = 'const { removeTree } = await import(process.argv[1]); removeTree(process.argv[2]);';
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script, module, tree], {
    ...nobody,
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(readdirSync(project.path)).toEqual([]);
  expect(modeOf(join(outside, 'shared'))).toBe(0o555);
  expect(readdirSync(join(outside, 'shared'))).toEqual(['file']);
});
