import type { RevertStore } from '#workflow';

/** Journaled reverts that entered, in PostgreSQL. */
export const reverts: RevertStore = {
  lastOf: async (tx, router) =>
    (await tx.query<{ id: string }>('select id from journaled_revert where router = $1 order by entered desc limit 1', [router]))[0]?.id,
  insert: async (tx, { id, router, service, document }) =>
    (
      await tx.query(
        'insert into journaled_revert (id, router, service, document, recorded_at) values ($1, $2, $3, $4, now()) on conflict do nothing returning id',
        [id, router, service, JSON.stringify(document)],
      )
    ).length > 0,
};
