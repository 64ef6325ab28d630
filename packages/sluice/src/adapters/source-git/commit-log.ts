import { err, ok, type Result } from '#kernel';
import { coAuthorEmails, type Commit } from '#workflow';
import { readObjects, type CommitObject } from './commit-object.ts';
import { git, type GitAnswer } from './git.ts';

/** What a reading of commits came to: `incomplete` names a parent that the repository does not have. */
export type LogProblem = { readonly kind: 'broken' | 'incomplete'; readonly fact: string };

/**
 * Commits with the people who made them, as their objects say; with `boundary`, every parent that is not among them must be there, because
 * behind one that is missing anybody may have written anything. Trailers are read by git, and by us wherever else they stand in the message.
 */
export async function readCommits(
  repository: string,
  shas: readonly string[],
  boundary: ReadonlySet<string> | undefined,
): Promise<Result<readonly Commit[], LogProblem>> {
  if (shas.length === 0) return ok([]);
  const input = `${shas.join('\n')}\n`;
  const [objects, trailers, tags] = await Promise.all([
    git(repository, ['cat-file', '--batch'], { input }),
    git(repository, ['log', '-z', '--no-walk=unsorted', '--stdin', trailersFormat], { input }),
    git(repository, ['for-each-ref', '--sort=-version:refname', '--format=%(refname:short)%00%(objectname)%00%(*objectname)', 'refs/tags']),
  ]);
  for (const answer of [objects, trailers, tags]) if (answer.code !== 0) return err({ kind: 'broken', fact: factOf(answer) });
  const read = readObjects(objects.stdout, shas);
  if (!read.ok) return err({ kind: 'broken', fact: read.error });
  const cut = boundary === undefined ? undefined : missingParent(read.value, boundary);
  if (cut !== undefined) return err({ kind: 'incomplete', fact: cut });
  const trailersOf = readTrailers(trailers.stdout.toString('utf8'));
  const tagsOf = readTags(tags.stdout.toString('utf8'));
  const unread = shas.find((sha) => !trailersOf.has(sha));
  if (unread !== undefined) return err({ kind: 'broken', fact: `the trailers of commit ${unread.slice(0, 7)} cannot be read` });
  return ok(
    read.value.map(({ sha, subject, authorEmail, committerEmail, message }) => ({
      sha,
      subject,
      authorEmail,
      committerEmail,
      tags: tagsOf.get(sha) ?? [],
      coAuthorEmails: coAuthorEmails(message, trailersOf.get(sha)),
    })),
  );
}

function missingParent(commits: readonly CommitObject[], boundary: ReadonlySet<string>): string | undefined {
  const there = new Set(commits.map(({ sha }) => sha));
  for (const { sha, parents } of commits) {
    const missing = parents.find((parent) => !there.has(parent) && !boundary.has(parent));
    if (missing !== undefined) return `the parent ${missing.slice(0, 7)} of commit ${sha.slice(0, 7)} is not there`;
  }
  return undefined;
}

/** The id and every trailer as git reads it, folded lines joined; both end with a NUL, which neither holds. */
const trailersFormat = '--format=tformat:%H%x00%(trailers:only=true,unfold=true)';

function readTrailers(output: string): ReadonlyMap<string, string> {
  const parts = output.split('\0');
  const trailers = new Map<string, string>();
  for (let at = 0; at + 1 < parts.length; at += 2) trailers.set(parts[at] ?? '', parts[at + 1] ?? '');
  return trailers;
}

/** Tags by the commit they stand on, newest version first. No name of a tag holds a line break or a NUL. */
function readTags(output: string): ReadonlyMap<string, readonly string[]> {
  const tags = new Map<string, readonly string[]>();
  for (const line of output.split('\n')) {
    const [name = '', object = '', peeled = ''] = line.split('\0');
    if (name === '') continue;
    const sha = peeled === '' ? object : peeled;
    tags.set(sha, [...(tags.get(sha) ?? []), name]);
  }
  return tags;
}

/** What git said, in its first line. */
export const factOf = ({ stderr }: GitAnswer): string => stderr.trim().split('\n')[0] ?? '';
