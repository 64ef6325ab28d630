import type { RolloutRecord, RolloutStore } from '#workflow';
import { isRolloutActive } from '#workflow';

type Settled = Pick<RolloutRecord, 'environment' | 'plan' | 'order' | 'settings' | 'startedAt'>;

type Row = {
  readonly id: string;
  readonly deployment: string;
  readonly owner: string | null;
  readonly version: number;
  readonly document: Settled;
  readonly state: RolloutRecord['state'];
  readonly asked: NonNullable<RolloutRecord['asked']> | null;
};

const columns = 'id, deployment, owner, version, document, state, asked';

const toRollout = ({ document, owner, asked, ...rest }: Row): RolloutRecord => ({
  ...rest,
  ...document,
  ...(owner === null ? {} : { owner }),
  ...(asked === null ? {} : { asked }),
});

/** Rollouts in PostgreSQL. */
export const rollouts: RolloutStore = {
  insert: async (tx, { id, deployment, owner, version, state, environment, plan, order, settings, startedAt }) => {
    const document: Settled = { environment, plan, order, ...(settings === undefined ? {} : { settings }), startedAt };
    await tx.query(
      `insert into rollout (id, deployment, kind, active, owner, version, document, state, updated_at)
       values ($1, $2, $3, $4, $5, $6, $7, $8, now())`,
      [id, deployment, state.kind, isRolloutActive(state), owner ?? null, version, JSON.stringify(document), JSON.stringify(state)],
    );
  },
  get: async (tx, id) => {
    const rows = await tx.query<Row>(`select ${columns} from rollout where id = $1`, [id]);
    return rows[0] === undefined ? undefined : toRollout(rows[0]);
  },
  update: async (tx, read, { state, owner }) => {
    const rows = await tx.query<Row>(
      `update rollout set kind = $3, active = $4, owner = $5, state = $6, version = version + 1, updated_at = now()
        where id = $1 and version = $2 returning ${columns}`,
      [read.id, read.version, state.kind, isRolloutActive(state), owner, JSON.stringify(state)],
    );
    return rows[0] === undefined ? 'stale' : toRollout(rows[0]);
  },
  ask: async (tx, id, asked) => {
    await tx.query(
      `update rollout set asked = $2
        where id = $1 and active and (asked is null or asked->>'kind' not in ('revert', 'cancel', 'make-room')
          or (asked->>'kind' = 'make-room' and $2::jsonb->>'kind' <> 'make-room'))`,
      [id, JSON.stringify(asked)],
    );
  },
  active: async (tx) => (await tx.query<Row>(`select ${columns} from rollout where active order by id`)).map(toRollout),
  ofDeployment: async (tx, deployment) => {
    const rows = await tx.query<Row>(`select ${columns} from rollout where deployment = $1`, [deployment]);
    return rows[0] === undefined ? undefined : toRollout(rows[0]);
  },
};
