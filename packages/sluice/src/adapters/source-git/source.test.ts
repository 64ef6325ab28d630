import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gitSource } from './index.ts';

let folder: string;
let repository: string;

const people = {
  GIT_AUTHOR_NAME: 'Dana',
  GIT_AUTHOR_EMAIL: 'dana@example.com',
  GIT_COMMITTER_NAME: 'CI',
  GIT_COMMITTER_EMAIL: 'ci@example.com',
};
const run = (...args: readonly string[]): string =>
  execFileSync('git', ['-C', repository, ...args], { env: { ...people, PATH: process.env['PATH'] ?? '' }, encoding: 'utf8' }).trim();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-git-'));
  repository = join(folder, 'shop');
  execFileSync('git', ['init', '--quiet', '--initial-branch=main', repository]);
  await writeFile(join(repository, 'run.sh'), '#!/bin/sh\n');
  await chmod(join(repository, 'run.sh'), 0o755);
  run('add', '.');
  run('commit', '--quiet', '--message=first');
  run('tag', 'v1.0.0');
  await writeFile(join(repository, 'größe.txt'), 'two\n');
  run('add', '.');
  run('commit', '--quiet', '--message=second thing\n\nCo-authored-by: Erin <erin@example.com>\nco-authored-by: nobody at all');
  run('tag', '--annotate', '--message=release', 'v1.1.0');
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test('a tag, annotated or not, names its commit with everybody who made it (C04)', async () => {
  const commit = await gitSource(repository).resolve('v1.1.0');
  expect(commit).toMatchObject({
    ok: true,
    value: {
      subject: 'second thing',
      tags: ['v1.1.0'],
      authorEmail: 'dana@example.com',
      committerEmail: 'ci@example.com',
      coAuthorEmails: ['erin@example.com', 'nobody at all'],
      sha: run('rev-parse', 'HEAD'),
    },
  });
});

test('between two commits lie those that came after the first, and all without a first', async () => {
  const source = gitSource(repository);
  const since = await source.between('v1.0.0', 'v1.1.0');
  expect(since.ok && since.value.map(({ subject }) => subject)).toEqual(['second thing']);
  const all = await source.between(undefined, 'v1.1.0');
  expect(all.ok && all.value.map(({ subject }) => subject)).toEqual(['second thing', 'first']);
});

test('an unknown ref is refused in one line with a suggestion; one that looks like an option is a name like any other', async () => {
  const source = gitSource(repository);
  const unknown = await source.resolve('v1.1.1');
  expect(!unknown.ok && unknown.error.message).toMatch(
    /^shop: there is no tag, branch or commit "v1\.1\.1"\. Did you mean "v1\.[01]\.0"\?$/,
  );
  for (const ref of ['--upload-pack=touch /tmp/owned', '-h', '', 'HEAD;id', 'v1.0.0\n']) {
    const odd = await source.resolve(ref);
    expect([ref, !odd.ok && odd.error.code]).toEqual([ref, 'notFound']);
  }
});

test('a folder that is no repository says so', async () => {
  const none = await gitSource(folder).resolve('v1.0.0');
  expect(!none.ok && [none.error.code, none.error.message]).toEqual(['config', `${folder} is not a git repository`]);
});

test('a checkout holds the files as committed, modes too, whatever the working tree holds, and no hook of the repository runs', async () => {
  await writeFile(join(repository, 'run.sh'), 'changed and not committed\n');
  const owned = join(folder, 'owned');
  run('config', 'core.autocrlf', 'true');
  await writeFile(join(repository, '.git', 'hooks', 'post-checkout'), `#!/bin/sh\ntouch ${owned}\n`, { mode: 0o755 });
  const out = join(folder, 'out', 'v1');
  expect(await gitSource(repository).checkout('v1.1.0', out)).toEqual({ ok: true, value: undefined });
  expect((await readdir(out)).toSorted()).toEqual(['größe.txt', 'run.sh']);
  expect(await readFile(join(out, 'run.sh'), 'utf8')).toBe('#!/bin/sh\n');
  expect((await stat(join(out, 'run.sh'))).mode & 0o111).not.toBe(0);
  expect((await readdir(folder)).includes('owned')).toBe(false);
});

test('a half-made checkout of before is replaced, a whole one is left alone', async () => {
  const source = gitSource(repository);
  const out = join(folder, 'out', 'v2');
  await source.checkout('v1.0.0', out);
  await rm(`${out}.commit`);
  await writeFile(join(out, 'foreign'), '');
  await source.checkout('v1.0.0', out);
  expect(await readdir(out)).toEqual(['run.sh']);
  const before = await stat(out);
  await source.checkout('v1.0.0', out);
  expect((await stat(out)).ino).toBe(before.ino);
});
