import { isoTime } from '#kernel';
import type { Setback, SetbackStore } from '#workflow';

type Row = Omit<Setback, 'since' | 'at'> & { readonly since: Date; readonly at: Date };

const columns = 'deployment, place, kind, tries, message, since, at';

const toSetback = ({ since, at, ...rest }: Row): Setback => ({ ...rest, since: isoTime(since.getTime()), at: isoTime(at.getTime()) });

/** Turns that failed, in PostgreSQL. */
export const setbacks: SetbackStore = {
  note: async (tx, { deployment, place, kind, message, at }) => {
    const rows = await tx.query<Row>(
      `insert into setback (deployment, place, kind, tries, message, since, at) values ($1, $2, $3, 1, $4, $5, $5)
       on conflict (deployment) do update set
         tries = case when setback.place = excluded.place and setback.kind = excluded.kind then setback.tries + 1 else 1 end,
         since = case when setback.place = excluded.place and setback.kind = excluded.kind then setback.since else excluded.since end,
         place = excluded.place, kind = excluded.kind, message = excluded.message, at = excluded.at
       returning ${columns}`,
      [deployment, place, kind, message, at],
    );
    const [row] = rows;
    if (row === undefined) throw new Error(`setback of ${deployment} was not stored`);
    return toSetback(row);
  },
  of: async (tx, deployment) => {
    const [row] = await tx.query<Row>(`select ${columns} from setback where deployment = $1`, [deployment]);
    return row === undefined ? undefined : toSetback(row);
  },
};
