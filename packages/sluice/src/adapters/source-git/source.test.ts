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

test('nothing in a message or an address hides who made a commit: separators, folded trailers, other spellings (C04)', async () => {
  const hostile = join(folder, 'hostile');
  execFileSync('git', ['init', '--quiet', '--initial-branch=main', hostile]);
  const commit = (message: string, env: Readonly<Record<string, string>> = {}): void => {
    execFileSync('git', ['-C', hostile, 'commit', '--quiet', '--allow-empty', '--file=-'], {
      input: message,
      env: { ...people, ...env, PATH: process.env['PATH'] ?? '' },
    });
  };
  commit('one\u001e\u001f\n\nCo-authored-by: Erin <erin@example.com>');
  commit('two\n\nCO-authored-BY : Erin\n <erin@example.com>\n');
  commit('three', { GIT_AUTHOR_EMAIL: 'dana\u001f@example.com' });
  const read = await gitSource(hostile).between(undefined, 'main');
  expect(read.ok && read.value.map((each) => [each.subject, each.authorEmail, each.committerEmail, each.coAuthorEmails])).toEqual([
    ['three', 'dana\u001f@example.com', 'ci@example.com', []],
    ['two', 'dana@example.com', 'ci@example.com', ['erin@example.com']],
    ['one\u001e\u001f', 'dana@example.com', 'ci@example.com', ['erin@example.com']],
  ]);
});

test('a commit that two readers could understand in two ways is refused by its name', async () => {
  const tree = run('write-tree');
  const made = (text: string): string =>
    execFileSync('git', ['-C', repository, 'hash-object', '-t', 'commit', '-w', '--literally', '--stdin'], {
      input: text,
      encoding: 'utf8',
    }).trim();
  const who = '<dana@example.com> 1700000000 +0000';
  for (const [text, fact] of [
    [`tree ${tree}\nauthor Dana ${who}\ncommitter Dana ${who}\n\nx\0\n\nCo-authored-by: E <e@x.example>\n`, 'NUL'],
    [`tree ${tree}\nauthor Dana ${who}\nauthor Erin ${who}\ncommitter Dana ${who}\n\nx\n`, 'no author or committer that can be read'],
    [`tree ${tree}\nauthor Dana <a@x> <b@x> 1 +0000\ncommitter Dana ${who}\n\nx\n`, 'no author or committer that can be read'],
    [`tree ${tree}\nauthor Dana ${who}\ncommitter Dana ${who}\nencoding UTF-7\n\nCo-authored-by+ADo- e\n`, 'encoding'],
  ] as const) {
    const read = await gitSource(repository).resolve(made(text));
    expect([fact, !read.ok && read.error.message]).toEqual([fact, expect.stringContaining(fact)]);
  }
});

test('history that was cut is refused with the command that completes it, and what pretends that it was never there does not count (C04)', async () => {
  const clone = join(folder, 'shallow');
  execFileSync('git', ['clone', '--quiet', '--depth=1', `file://${repository}`, clone]);
  const cut = await gitSource(clone).between(undefined, 'main');
  expect(!cut.ok && [cut.error.code, cut.error.message, cut.error.hint]).toEqual([
    'conflict',
    expect.stringMatching(/^shallow: the history is not whole: the parent [0-9a-f]{7} of commit [0-9a-f]{7} is not there/),
    `git -C ${clone} fetch --unshallow, then deploy again`,
  ]);
  execFileSync('git', ['-C', clone, 'fetch', '--quiet', '--unshallow']);
  // A graft and a replacement both say that the newest commit has no parents.
  const newest = run('rev-parse', 'HEAD');
  await writeFile(join(clone, '.git', 'info', 'grafts'), `${newest}\n`);
  execFileSync('git', ['-C', clone, 'replace', '--graft', newest], {
    env: { ...people, PATH: process.env['PATH'] ?? '' },
    stdio: 'ignore',
  });
  await writeFile(join(clone, '.git', 'mailmap'), 'Erin <erin@example.com> <dana@example.com>\n');
  execFileSync('git', ['-C', clone, 'config', 'mailmap.file', join(clone, '.git', 'mailmap')]);
  execFileSync('git', ['-C', clone, 'config', 'trailer.separators', '#']);
  const whole = await gitSource(clone).between(undefined, 'main');
  expect(whole.ok && whole.value.map(({ subject, authorEmail }) => [subject, authorEmail])).toEqual([
    ['second thing', 'dana@example.com'],
    ['first', 'dana@example.com'],
  ]);
});
