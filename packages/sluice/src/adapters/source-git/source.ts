import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { didYouMean, err, ok, SluiceError, type Result } from '#kernel';
import type { Commit, Source } from '#workflow';
import { factOf, readCommits, type LogProblem } from './commit-log.ts';
import { plainRepository } from './commit-files.ts';
import { git } from './git.ts';

/** A source over a local git repository. */
export function gitSource(repository: string): Source {
  return {
    resolve: async (ref) => {
      const sha = await commitId(repository, ref);
      if (!sha.ok) return sha;
      const commits = await readCommits(repository, [sha.value], undefined);
      if (!commits.ok) return err(await problem(repository, commits.error));
      const [commit] = commits.value;
      return commit === undefined ? err(broken(repository, `commit ${sha.value} cannot be read`)) : ok(commit);
    },
    between: (from, to) => between(repository, from, to),
    refsOf: (sha) => refsOf(repository, sha),
    defaultRefs: () => defaultRefs(repository),
    checkout: (sha, folder) => checkout(repository, sha, folder),
  };
}

async function between(repository: string, from: string | undefined, to: string): Promise<Result<readonly Commit[], SluiceError>> {
  const ends: string[] = [];
  for (const name of from === undefined ? [to] : [to, from]) {
    const sha = await commitId(repository, name);
    if (!sha.ok) return sha;
    ends.push(sha.value);
  }
  const [newer = '', older] = ends;
  const walk = await git(repository, ['rev-list', '--boundary', '--end-of-options', newer, ...(older === undefined ? [] : [`^${older}`])]);
  if (walk.code !== 0) return err(await problem(repository, { kind: 'broken', fact: factOf(walk) }));
  const ids = walk.stdout.toString('latin1').split('\n').filter(Boolean);
  const boundary = new Set(ids.filter((id) => id.startsWith('-')).map((id) => id.slice(1)));
  const commits = await readCommits(
    repository,
    ids.filter((id) => !id.startsWith('-')),
    boundary,
  );
  return commits.ok ? commits : err(await problem(repository, commits.error));
}

/** Every ref from which a commit can be reached, by its full name: a branch may be called `tags/v1`, and a full name tells it from the tag. */
async function refsOf(repository: string, sha: string): Promise<Result<readonly string[], SluiceError>> {
  const commit = await commitId(repository, sha);
  if (!commit.ok) return commit;
  const answer = await git(repository, ['for-each-ref', `--contains=${commit.value}`, '--format=%(refname)']);
  if (answer.code !== 0) return err(await problem(repository, { kind: 'broken', fact: factOf(answer) }));
  return ok(answer.stdout.toString('utf8').split('\n').filter(Boolean));
}

/**
 * The default branch: the one that the remote "origin" names, in a clone of one; otherwise the one that the repository is at. As a branch here, and as it was last
 * fetched. Without a remote nothing below `refs/remotes` counts: whoever pushes here could make it.
 */
async function defaultRefs(repository: string): Promise<Result<readonly string[], SluiceError>> {
  const origin = await git(repository, ['config', '--get', 'remote.origin.url']);
  const isClone = origin.code === 0 && origin.stdout.toString('utf8').trim() !== '';
  const names = [...(isClone ? ['refs/remotes/origin/HEAD'] : []), 'HEAD'];
  for (const name of names) {
    const answer = await git(repository, ['symbolic-ref', '--quiet', name]);
    const [, branch] = /^refs\/(?:heads|remotes\/origin)\/(\S+)$/.exec(answer.stdout.toString('utf8').trim()) ?? [];
    if (answer.code === 0 && branch !== undefined)
      return ok([`refs/heads/${branch}`, ...(isClone ? [`refs/remotes/origin/${branch}`] : [])]);
  }
  const inside = await git(repository, ['rev-parse', '--git-dir']);
  return inside.code === 0 ? ok([]) : err(noRepository(repository, inside.stderr));
}

/** The full id of the commit that a tag, branch or abbreviated id names. */
async function commitId(repository: string, ref: string): Promise<Result<string, SluiceError>> {
  const answer = await git(repository, ['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`]);
  // An older git echoes the marker before the answer.
  const sha = answer.stdout.toString('latin1').trim().split('\n').at(-1) ?? '';
  if (answer.code === 0 && /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/.test(sha)) return ok(sha);
  const inside = await git(repository, ['rev-parse', '--git-dir']);
  if (inside.code !== 0) return err(noRepository(repository, inside.stderr));
  const names = await git(repository, ['for-each-ref', '--format=%(refname:short)', 'refs/tags', 'refs/heads']);
  const suggestion = didYouMean(ref, names.stdout.toString('utf8').split('\n').filter(Boolean));
  const hint = (await isShallow(repository))
    ? `this clone holds only the end of the history: ${whole(repository)}`
    : 'git tag lists the tags; a tag that was made elsewhere has to be fetched first';
  return err(new SluiceError('notFound', `${basename(repository)}: there is no tag, branch or commit "${ref}".${suggestion}`, { hint }));
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
      // A repository and an index of our own, so that those of the repository, and its working tree, are neither looked at nor changed.
      const own = await plainRepository(repository, join(draft, 'git'));
      const env = { ...own, GIT_INDEX_FILE: join(draft, 'index'), GIT_WORK_TREE: files };
      for (const args of [
        ['read-tree', commit.value],
        ['checkout-index', '--all', '--force', '--quiet'],
      ]) {
        const answer = await git(repository, args, { env });
        if (answer.code !== 0) return err(await problem(repository, { kind: 'broken', fact: factOf(answer) }));
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

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const isShallow = async (repository: string): Promise<boolean> =>
  (await git(repository, ['rev-parse', '--is-shallow-repository'])).stdout.toString('latin1').trim() === 'true';

/** Why commits or their files cannot be read, with the command that fetches what a shortened or partial clone left out. */
async function problem(repository: string, { kind, fact }: LogProblem): Promise<SluiceError> {
  if (await isShallow(repository)) {
    const cut = `${basename(repository)}: the history is not whole: ${fact}, so nobody can tell who wrote what lies behind it`;
    return kind === 'incomplete'
      ? new SluiceError('conflict', cut, { hint: `${whole(repository)}, then deploy again` })
      : broken(repository, fact);
  }
  const partial = await git(repository, ['config', '--get-regexp', String.raw`^remote\..*\.promisor$`]);
  if (partial.code !== 0) return broken(repository, fact);
  const left = `${basename(repository)} is a partial clone, and what is needed is not in it: ${fact}`;
  return new SluiceError('conflict', left, { hint: `git -C ${repository} fetch --refetch --no-filter, then deploy again` });
}

const whole = (repository: string): string => `git -C ${repository} fetch --unshallow`;

const broken = (repository: string, fact: string): SluiceError =>
  new SluiceError('unavailable', `git in ${repository}: ${fact === '' ? 'it did not answer' : fact}`, { hint: 'git fsck tells more' });

const noRepository = (repository: string, stderr: string): SluiceError =>
  /ENOENT|not found/.test(stderr) && !/repository/i.test(stderr)
    ? new SluiceError('unavailable', `git cannot be run: ${stderr.trim().split('\n')[0] ?? ''}`, { hint: 'install git' })
    : new SluiceError('config', `${repository} is not a git repository`, { hint: 'git init, commit, and tag what shall be deployed' });
