import { isoTime } from '#kernel';
import type { LiveRelease, LiveStore } from '#workflow';

type Row = {
  readonly environment: string;
  readonly service: string;
  readonly release: LiveRelease['release'];
  readonly version: string;
  readonly deployment: string;
  readonly slot: LiveRelease['slot'];
  readonly since: Date;
  readonly until: Date | null;
};

const select = `select l.environment, l.service, l.release, r.document ->> 'version' as version, l.deployment, l.slot, l.since, l.until
  from live_release l join release r on r.digest = l.release`;

const toLive = ({ since, until, ...rest }: Row): LiveRelease => ({
  ...rest,
  since: isoTime(since.getTime()),
  ...(until === null ? {} : { until: isoTime(until.getTime()) }),
});

/** What is and was live, in PostgreSQL. */
export const live: LiveStore = {
  replace: async (tx, { environment, service, release, deployment, slot, since }) => {
    const key = [environment, service, deployment] as const;
    await tx.query('update live_release set until = $4 where environment = $1 and service = $2 and deployment <> $3 and until is null', [
      ...key,
      since,
    ]);
    await tx.query(
      `insert into live_release (environment, service, deployment, release, slot, since) values ($1, $2, $3, $4, $5, $6)
       on conflict (environment, service, deployment) do nothing`,
      [...key, release, slot, since],
    );
  },
  takeBack: async (tx, deployment, at) => {
    const ended = await tx.query<{ environment: string; service: string; since: Date }>(
      'update live_release set until = $2 where deployment = $1 and until is null returning environment, service, since',
      [deployment, at],
    );
    for (const { environment, service, since } of ended) {
      await tx.query(
        `update live_release set until = null where environment = $1 and service = $2 and until is not null and deployment =
           (select deployment from live_release where environment = $1 and service = $2 and deployment <> $3 and since <= $4
             -- The one it replaced ended last; one that was itself taken back before that ended earlier, though it began later.
             order by until desc nulls last, since desc limit 1)`,
        [environment, service, deployment, since],
      );
    }
  },
  now: async (tx, environment, service) => {
    const rows = await tx.query<Row>(`${select} where environment = $1 and service = $2 and until is null`, [environment, service]);
    return rows[0] === undefined ? undefined : toLive(rows[0]);
  },
  of: async (tx, { environment, service, deployment }) => {
    const key = [environment, service, deployment];
    const rows = await tx.query<Row>(`${select} where environment = $1 and service = $2 and deployment = $3`, key);
    return rows[0] === undefined ? undefined : toLive(rows[0]);
  },
  history: async (tx, environment, service) =>
    (await tx.query<Row>(`${select} where environment = $1 and service = $2 order by since desc`, [environment, service])).map(toLive),
};
