import type { Deployment, DeploymentStore } from '#workflow';
import { isActive } from '#workflow';
import { violated } from './database.ts';

type Row = { readonly version: number; readonly owner: string | null; readonly document: Pick<Deployment, 'request' | 'state'> };

const columns = 'version, owner, document';

const toDeployment = ({ version, owner, document }: Row): Deployment => ({ ...document, version, ...(owner === null ? {} : { owner }) });

/** Deployments in PostgreSQL. */
export const deployments: DeploymentStore = {
  insert: async (tx, deployment) => {
    const { request, state } = deployment;
    await tx.query('savepoint deployment_insert');
    try {
      await tx.query(
        `insert into deployment (id, environment, service, kind, active, version, document, created_at, updated_at, owner)
         values ($1, $2, $3, $4, $5, $6, $7, $8, now(), $9)`,
        [
          request.id,
          request.environment,
          request.service,
          state.kind,
          isActive(state),
          deployment.version,
          JSON.stringify({ request, state }),
          request.requestedAt,
          deployment.owner ?? null,
        ],
      );
      return { kind: 'inserted' };
    } catch (error) {
      if (violated(error) !== 'deployment_one_active') throw error;
      await tx.query('rollback to savepoint deployment_insert');
      const rows = await tx.query<Row>(`select ${columns} from deployment where environment = $1 and service = $2 and active`, [
        request.environment,
        request.service,
      ]);
      const other = rows[0];
      // It ended between the two statements: the way is free now, and the caller's transaction may simply run again.
      if (other === undefined) throw Object.assign(new Error('the deployment in the way has just ended'), { code: '40001' });
      return { kind: 'conflict', with: toDeployment(other) };
    }
  },
  get: async (tx, id) => {
    const rows = await tx.query<Row>(`select ${columns} from deployment where id = $1`, [id]);
    return rows[0] === undefined ? undefined : toDeployment(rows[0]);
  },
  update: async (tx, read, { state, owner }) => {
    const rows = await tx.query<Row>(
      `update deployment set kind = $3, active = $4, owner = $5, version = version + 1, document = $6, updated_at = now()
        where id = $1 and version = $2 returning ${columns}`,
      [read.request.id, read.version, state.kind, isActive(state), owner ?? null, JSON.stringify({ request: read.request, state })],
    );
    return rows[0] === undefined ? 'stale' : toDeployment(rows[0]);
  },
  list: async (tx, { environment, service, kinds, active, limit }) => {
    const rows = await tx.query<Row>(
      `select ${columns} from deployment
        where ($1::text is null or environment = $1) and ($2::text is null or service = $2)
          and ($3::text[] is null or kind = any($3)) and ($4::boolean is null or active = $4)
        order by created_at desc, id desc limit $5`,
      [environment ?? null, service ?? null, kinds ?? null, active ?? null, limit],
    );
    return rows.map(toDeployment);
  },
};
