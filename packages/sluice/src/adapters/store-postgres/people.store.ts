import type { PersonStore } from '#workflow';

type Row = { readonly document: NonNullable<Awaited<ReturnType<PersonStore['get']>>> };

/** People in PostgreSQL: the one place that holds names and e-mails. */
export const people: PersonStore = {
  put: async (tx, person) => {
    await tx.query(
      `insert into person (id, document, version, updated_at) values ($1, $2, 1, now())
       on conflict (id) do update set document = excluded.document, version = person.version + 1, updated_at = now()`,
      [person.id, JSON.stringify(person)],
    );
  },
  get: async (tx, id) => (await tx.query<Row>('select document from person where id = $1', [id]))[0]?.document,
  list: async (tx) => (await tx.query<Row>('select document from person order by id')).map(({ document }) => document),
};
