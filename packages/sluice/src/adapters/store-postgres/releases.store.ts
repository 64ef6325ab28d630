import type { Digest } from '#kernel';
import { changedRow, problemOfRelease, type ReleaseRecord, type ReleaseStore } from '#workflow';

type Row = { readonly document: ReleaseRecord };

/**
 * Releases in PostgreSQL: written once; one gives way to the same one, with its commit, run and verdicts, when that was made for a commit on a protected ref, or in a sandbox, as it was not,
 * and is worse in neither.
 */
export const releases: ReleaseStore = {
  insert: async (tx, release) => {
    await tx.query(
      `insert into release (digest, commit_id, document, created_at) values ($1, $2, $3, $4)
       on conflict (digest) do update set commit_id = excluded.commit_id, document = excluded.document, created_at = excluded.created_at
         where (coalesce(excluded.document->>'scope', '') = 'protected') >= (coalesce(release.document->>'scope', '') = 'protected')
           and (coalesce(excluded.document->>'isolation', '') <> 'none') >= (coalesce(release.document->>'isolation', '') <> 'none')
           and ((coalesce(excluded.document->>'scope', '') = 'protected') > (coalesce(release.document->>'scope', '') = 'protected')
             or (coalesce(excluded.document->>'isolation', '') <> 'none') > (coalesce(release.document->>'isolation', '') <> 'none'))`,
      [release.digest, release.commit.sha, JSON.stringify(release), release.createdAt],
    );
  },
  get: async (tx, digest) => sound((await tx.query<Row>('select document from release where digest = $1', [digest]))[0]?.document, digest),
  ofCommit: async (tx, commit) =>
    sound(
      (await tx.query<Row>('select document from release where commit_id = $1 order by created_at desc limit 1', [commit]))[0]?.document,
    ),
  // A row that was changed hides none of the others; whoever asks for it by its name is told.
  list: async (tx, limit) =>
    (await tx.query<Row>('select document from release order by created_at desc limit $1', [limit]))
      .map(({ document }) => document)
      .filter((release) => problemOfRelease(undefined, release) === undefined),
};

/** What is named by its content is computed again whenever it is read: a row that was changed is never taken for what it was. */
function sound(release: ReleaseRecord | undefined, asked?: Digest): ReleaseRecord | undefined {
  if (release === undefined) return undefined;
  const problem = problemOfRelease(asked, release);
  if (problem !== undefined) throw changedRow(asked ?? release.digest, problem);
  return release;
}
