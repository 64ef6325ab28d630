import type { EntryStore, StoredEntry } from '#workflow';

type Row = { readonly number: number | null; readonly body: string };

const toStored = ({ number, body }: Row): StoredEntry => ({
  number: number ?? undefined,
  entry: JSON.parse(body) as StoredEntry['entry'],
});

/** Ledger entries in PostgreSQL. */
export const entries: EntryStore = {
  append: async (tx, list) => {
    if (list.length === 0) return;
    await tx.query(
      `insert into ledger_entry (id, type, environment, subject, chain, at, body)
       select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[])
       on conflict (id) do nothing`,
      [
        list.map(({ id }) => id),
        list.map(({ type }) => type),
        list.map(({ env }) => env),
        list.map(({ subject }) => subject.id),
        list.map(({ chainId }) => chainId),
        list.map(({ at }) => at),
        list.map((entry) => JSON.stringify(entry)),
      ],
    );
    // Delivered at commit, so a sequencer that hears it sees the rows.
    await tx.query('select pg_notify($1, $2)', ['sluice_ledger', '']);
  },
  list: async (tx, { chain, subject, environment, afterNumber, limit }) =>
    (
      await tx.query<Row>(
        `select number, body from ledger_entry
          where ($1::text is null or chain = $1) and ($2::text is null or subject = $2) and ($3::text is null or environment = $3)
            and ($4::bigint is null or number > $4)
          order by number nulls last, seq limit $5`,
        [chain ?? null, subject ?? null, environment ?? null, afterNumber ?? null, limit],
      )
    ).map(toStored),
  pendingOf: async (tx, chain) =>
    (await tx.query<{ count: number }>('select count(*) as count from ledger_entry where chain = $1 and number is null', [chain]))[0]
      ?.count ?? 0,
  numberOf: async (tx, id) =>
    (await tx.query<{ number: number | null }>('select number from ledger_entry where id = $1', [id]))[0]?.number ?? undefined,
};
