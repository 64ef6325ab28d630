import type { ChangeRow, NonceStore, PersonStore, RegisterStore } from '#workflow';

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
  remove: async (tx, id) => {
    await tx.query('delete from person where id = $1', [id]);
  },
  get: async (tx, id) => (await tx.query<Row>('select document from person where id = $1', [id]))[0]?.document,
  list: async (tx) => (await tx.query<Row>('select document from person order by id')).map(({ document }) => document),
};

type Change = {
  readonly number: number;
  readonly state: ChangeRow['state'];
  readonly version: number;
  readonly document: ChangeRow['proposal'];
  readonly created_at: Date;
};

const columns = 'number, state, version, document, created_at';
const toRow = ({ document, created_at: at, ...rest }: Change): ChangeRow => ({ ...rest, proposal: document, at: at.getTime() });

/** Changes of the register that wait for signatures, and those that did, in PostgreSQL. */
export const register: RegisterStore = {
  lock: async (tx) => (await tx.query<{ version: number }>('select version from register for update'))[0]?.version ?? 0,
  advance: async (tx, version) => {
    await tx.query('update register set version = $1', [version]);
  },
  insert: async (tx, { proposal, state, at }) => {
    const rows = await tx.query<Change>(
      `insert into register_change (state, version, document, created_at) values ($1, 1, $2, to_timestamp($3::double precision / 1000)) returning ${columns}`,
      [state, JSON.stringify(proposal), at],
    );
    const [row] = rows;
    if (row === undefined) throw new Error('a change of the register was not stored');
    return toRow(row);
  },
  get: async (tx, number) => {
    const [row] = await tx.query<Change>(`select ${columns} from register_change where number = $1`, [number]);
    return row === undefined ? undefined : toRow(row);
  },
  update: async (tx, read, next) => {
    const rows = await tx.query<Change>(
      `update register_change set state = $3, document = $4, version = version + 1 where number = $1 and version = $2 returning ${columns}`,
      [read.number, read.version, next.state, JSON.stringify(next.proposal)],
    );
    return rows[0] === undefined ? 'stale' : toRow(rows[0]);
  },
  list: async (tx, state, limit) =>
    (await tx.query<Change>(`select ${columns} from register_change where state = $1 order by number desc limit $2`, [state, limit])).map(
      toRow,
    ),
};

/** Nonces of signed requests, in PostgreSQL: every control plane on the database remembers the same ones. */
export const nonces: NonceStore = {
  take: async (tx, nonce, { now, expiresAt }) => {
    await tx.query('delete from request_nonce where expires_at < to_timestamp($1::double precision / 1000)', [now]);
    const rows = await tx.query(
      'insert into request_nonce (nonce, expires_at) values ($1, to_timestamp($2::double precision / 1000)) on conflict do nothing returning nonce',
      [nonce, expiresAt],
    );
    return rows.length > 0;
  },
};
