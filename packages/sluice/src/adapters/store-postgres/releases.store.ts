import type { ReleaseRecord, ReleaseStore } from '#workflow';

type Row = { readonly document: ReleaseRecord };

/** Releases in PostgreSQL: written once; one of the open scope gives way to the same one made for a commit on a protected ref, with its commit, run and verdicts. */
export const releases: ReleaseStore = {
  insert: async (tx, release) => {
    await tx.query(
      `insert into release (digest, commit_id, document, created_at) values ($1, $2, $3, $4)
       on conflict (digest) do update set commit_id = excluded.commit_id, document = excluded.document, created_at = excluded.created_at
         where release.document->>'scope' is distinct from 'protected' and excluded.document->>'scope' = 'protected'`,
      [release.digest, release.commit.sha, JSON.stringify(release), release.createdAt],
    );
  },
  get: async (tx, digest) => (await tx.query<Row>('select document from release where digest = $1', [digest]))[0]?.document,
  ofCommit: async (tx, commit) =>
    (await tx.query<Row>('select document from release where commit_id = $1 order by created_at desc limit 1', [commit]))[0]?.document,
  list: async (tx, limit) =>
    (await tx.query<Row>('select document from release order by created_at desc limit $1', [limit])).map(({ document }) => document),
};
