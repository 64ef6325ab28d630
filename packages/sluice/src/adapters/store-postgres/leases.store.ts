import type { LeaseStore } from '#workflow';

/** Rows of running engines, in PostgreSQL. */
export const leases: LeaseStore = {
  begin: async (tx, executor) => {
    await tx.query(
      `insert into engine_lease (executor, beat, started_at) values ($1, 1, now())
       on conflict (executor) do update set beat = engine_lease.beat + 1, started_at = now()`,
      [executor],
    );
  },
  beat: async (tx, executor) =>
    (await tx.query('update engine_lease set beat = beat + 1 where executor = $1 returning beat', [executor])).length > 0,
  alive: async (tx, executor) => (await tx.query('select 1 from engine_lease where executor = $1', [executor])).length > 0,
  list: (tx) => tx.query('select executor, beat from engine_lease order by executor'),
  remove: async (tx, executor, beat) =>
    (await tx.query('delete from engine_lease where executor = $1 and beat = $2 returning executor', [executor, beat])).length > 0,
};
