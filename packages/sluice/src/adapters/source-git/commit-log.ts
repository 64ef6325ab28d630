import { coAuthorEmails, type Commit } from '#workflow';

/** Fields apart by a byte that no message holds, commits by another. */
const field = '%x1f';
/** Newest first: hash, committer time, author, committer, tags, subject, whole message. */
export const commitFormat = `--format=%H${field}%cI${field}%ae${field}%ce${field}%s${field}%B%x1e`;

/** Commits as git listed them. */
export function readCommits(output: string, tagsOf: ReadonlyMap<string, readonly string[]>): readonly Commit[] {
  return output
    .split('\x1e')
    .map((record) => record.replace(/^\n/, '').split('\x1f'))
    .filter((parts) => parts.length >= 6)
    .map(([sha = '', at = '', authorEmail = '', committerEmail = '', subject = '', ...message]) => ({
      sha,
      subject,
      authorEmail,
      committerEmail,
      at: new Date(at).toISOString(),
      tags: tagsOf.get(sha) ?? [],
      coAuthorEmails: coAuthorEmails(message.join('')),
    }));
}

/** Tags by the commit they stand on, newest version first. */
export function readTags(output: string): ReadonlyMap<string, readonly string[]> {
  const tags = new Map<string, readonly string[]>();
  for (const line of output.split('\n')) {
    const [name = '', object = '', peeled = ''] = line.split('\x1f');
    if (name === '') continue;
    const sha = peeled === '' ? object : peeled;
    tags.set(sha, [...(tags.get(sha) ?? []), name]);
  }
  return tags;
}
