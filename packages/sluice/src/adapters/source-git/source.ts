import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { didYouMean, err, ok, SluiceError, type Result } from '#kernel';
import type { Commit, Source } from '#workflow';
import { commitFormat, readCommits, readTags } from './commit-log.ts';
import { git } from './git.ts';

/** A source over a local git repository. */
export function gitSource(repository: string): Source {
  return {
    resolve: async (ref) => {
      const sha = await commitId(repository, ref);
      if (!sha.ok) return sha;
      const commits = await list(repository, ['--max-count=1', '--end-of-options', sha.value]);
      if (!commits.ok) return commits;
      const [commit] = commits.value;
      return commit === undefined ? err(broken(repository, `commit ${sha.value} cannot be read`)) : ok(commit);
    },
    between: async (from, to) => {
      const ends: string[] = [];
      for (const name of from === undefined ? [to] : [to, from]) {
        const sha = await commitId(repository, name);
        if (!sha.ok) return sha;
        ends.push(sha.value);
      }
      const [newer = '', older] = ends;
      return list(repository, ['--end-of-options', newer, ...(older === undefined ? [] : [`^${older}`])]);
    },
    checkout: (sha, folder) => checkout(repository, sha, folder),
  };
}

async function list(repository: string, args: readonly string[]): Promise<Result<readonly Commit[], SluiceError>> {
  const tags = await git(repository, [
    'for-each-ref',
    '--sort=-version:refname',
    `--format=%(refname:short)%1f%(objectname)%1f%(*objectname)`,
    'refs/tags',
  ]);
  const log = await git(repository, ['log', commitFormat, ...args]);
  if (log.code !== 0 || tags.code !== 0) return err(broken(repository, firstLine(log.code === 0 ? tags.stderr : log.stderr)));
  return ok(readCommits(log.stdout, readTags(tags.stdout)));
}

/** The full id of the commit that a tag, branch or abbreviated id names. */
async function commitId(repository: string, ref: string): Promise<Result<string, SluiceError>> {
  const answer = await git(repository, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`]);
  // An older git echoes the marker before the answer.
  const sha = answer.stdout.trim().split('\n').at(-1) ?? '';
  if (answer.code === 0 && /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/.test(sha)) return ok(sha);
  const inside = await git(repository, ['rev-parse', '--git-dir']);
  if (inside.code !== 0) return err(noRepository(repository, inside.stderr));
  const names = await git(repository, ['for-each-ref', '--format=%(refname:short)', 'refs/tags', 'refs/heads']);
  const suggestion = didYouMean(ref, names.stdout.split('\n').filter(Boolean));
  return err(
    new SluiceError('notFound', `${basename(repository)}: there is no tag, branch or commit "${ref}".${suggestion}`, {
      hint: 'git tag lists the tags; a tag that was made elsewhere has to be fetched first',
    }),
  );
}

/**
 * The files of a commit, as committed: extracted beside the folder and given its name in one step, so that a folder of that name is always whole. The same commit
 * gives the same files, and one that is there already is left alone.
 */
async function checkout(repository: string, sha: string, folder: string): Promise<Result<void, SluiceError>> {
  const commit = await commitId(repository, sha);
  if (!commit.ok) return commit;
  const marker = `${folder}.commit`;
  if ((await exists(folder)) && (await readFile(marker, 'utf8').catch(() => '')) === commit.value) return ok(undefined);
  try {
    await mkdir(dirname(folder), { recursive: true });
    const draft = await mkdtemp(`${folder}.`);
    try {
      const files = join(draft, 'files');
      await mkdir(files);
      // An index of our own, so that neither the repository's index nor its working tree is looked at or changed.
      const index = { GIT_INDEX_FILE: join(draft, 'index'), GIT_WORK_TREE: files };
      for (const args of [
        ['read-tree', commit.value],
        ['checkout-index', '--all', '--force', '--quiet'],
      ]) {
        const answer = await git(repository, args, { ...index, GIT_DIR: await gitFolder(repository) });
        if (answer.code !== 0) return err(broken(repository, firstLine(answer.stderr)));
      }
      await rm(folder, { recursive: true, force: true });
      await rename(files, folder);
      await writeFile(marker, commit.value);
      return ok(undefined);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  } catch (error) {
    const fact = `${basename(repository)}: ${sha.slice(0, 7)} cannot be written to ${folder}: ${(error as Error).message}`;
    return err(new SluiceError('unavailable', fact, { cause: error }));
  }
}

async function gitFolder(repository: string): Promise<string> {
  return (await git(repository, ['rev-parse', '--absolute-git-dir'])).stdout.trim();
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const firstLine = (text: string): string => text.trim().split('\n')[0] ?? '';

const broken = (repository: string, fact: string): SluiceError =>
  new SluiceError('unavailable', `git in ${repository}: ${fact === '' ? 'it did not answer' : fact}`, { hint: 'git fsck tells more' });

const noRepository = (repository: string, stderr: string): SluiceError =>
  /ENOENT|not found/.test(stderr) && !/repository/i.test(stderr)
    ? new SluiceError('unavailable', `git cannot be run: ${firstLine(stderr)}`, { hint: 'install git' })
    : new SluiceError('config', `${repository} is not a git repository`, { hint: 'git init, commit, and tag what shall be deployed' });
