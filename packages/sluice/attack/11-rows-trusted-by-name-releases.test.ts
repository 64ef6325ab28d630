import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signApproval, type Identity } from '#access';
import { systemClock } from '#host';
import { digestOf, isoTime, parseDigest } from '#kernel';
import { until } from '../src/workflow/fixtures/world.ts';
import { peopleRig, type PeopleRig } from './people-rig.ts';

describe('11 · rows trusted by name', () => {
  describe('releases and rollouts', () => {
    let at: PeopleRig;
    let database: Client;
    beforeAll(async () => {
      at = await peopleRig();
      database = new Client({ connectionString: at.rig.place.server.url, options: '-c search_path=sluice' });
      await database.connect();
      await at.rig.reach(await at.rig.deploy('api', 'v1.0.0'), 'live');
    });
    afterAll(async () => {
      await database.end();
      await at[Symbol.asyncDispose]();
    });

    /** Somebody who can write to the database changes the release that stands for a commit, by an expression over its document. */
    const changeRelease = (change: string): Promise<unknown> => database.query(`update release set document = ${change}`);
    const rows = async (): Promise<readonly { digest: string; document: object }[]> =>
      (await database.query<{ digest: string; document: object }>('select digest, document from release')).rows;

    async function production() {
      const asked = await at.rig.deploy('api', 'v1.0.0', 'production');
      const state = await at.rig.reach(asked, 'waiting-approval');
      const subject = state.kind === 'waiting-approval' ? state.subject : '';
      const sign = async ({ person, seed }: Identity) => {
        const expiresAt = systemClock.now() + 3_600_000;
        const signature = signApproval(seed, { subject: parseDigest(subject), deployment: asked.request.id, expiresAt });
        const body = { person: person.id, subject, expiresAt: isoTime(expiresAt), signature };
        return at.as({ person, seed }, 'POST', `/v1/deployments/${asked.request.id}/approvals`, body);
      };
      return { asked, sign };
    }

    test.each([
      ['another artifact', `jsonb_set(document, '{services,api,artifact}', to_jsonb('${digestOf('evil')}'::text))`],
      ['another artifact in all places', `replace(document::text, document#>>'{services,api,artifact}', '${digestOf('evil')}')::jsonb`],
      ['a raised variable', `jsonb_set(document, '{services,api,definition,env}', '{"MAX": "9"}')`],
      ['another program to start', `jsonb_set(document, '{services,api,definition,start}', '["node", "evil.js"]')`],
      ['another commit, so that its author is another', `jsonb_set(document, '{commit,sha}', to_jsonb('${'ab'.repeat(20)}'::text))`],
      ['another version', `jsonb_set(document, '{version}', '"v9.9.9"')`],
      ['verdicts of another run', `jsonb_set(document, '{verdicts,0,digest}', to_jsonb('${digestOf('good')}'::text))`],
    ])('a release whose row got %s while it waited goes nowhere, whoever signs (I5, I6)', async (_, change) => {
      const { asked, sign } = await production();
      const before = await rows();
      await changeRelease(change);
      try {
        for (const who of [at.people.ada, at.people.ben]) await sign(who);
        const { deployment } = await at.rig.seen(asked);
        expect(['waiting-approval', 'failed']).toContain(deployment.state.kind);
        const again = await at.operator('GET', `/v1/deployments/${asked.request.id}/approval`);
        expect(again.status).toBeGreaterThanOrEqual(400);
      } finally {
        for (const { digest, document } of before)
          await database.query('update release set document = $2 where digest = $1', [digest, JSON.stringify(document)]);
      }
      const ended = await at.rig.engine.revert(
        { environment: 'production', service: 'api' },
        { by: 'ada', reason: 'x', actorRef: 'operator' },
      );
      expect(ended.ok).toBe(true);
    });

    test('a release that was changed before anybody was asked is refused as one that the record does not know', async () => {
      const before = await rows();
      await changeRelease(`jsonb_set(document, '{commit,sha}', to_jsonb('${'ab'.repeat(20)}'::text))`);
      try {
        const asked = await at.rig.deploy('api', 'v1.0.0', 'production');
        const state = await at.rig.reach(asked, 'failed');
        expect(state.kind === 'failed' && [state.error.code, state.error.message]).toEqual([
          'verificationFailed',
          expect.stringMatching(/the database calls a release \S+ that the record does not know as such: its row was changed/),
        ]);
      } finally {
        for (const { digest, document } of before)
          await database.query('update release set document = $2 where digest = $1', [digest, JSON.stringify(document)]);
      }
    });

    test('what was settled for a rollout, changed while it moves: it goes no further and is taken back (I6)', async () => {
      const see = at.rig.edge.blind();
      const asked = await at.rig.deploy('api', 'v1.1.0', 'staging');
      await until('it watches', async () => (await at.rig.seen(asked)).rollout?.state.kind === 'running');
      await database.query(`update rollout set document = jsonb_set(document, '{order,env}', '{"MAX_ORDER": "9"}') where deployment = $1`, [
        asked.request.id,
      ]);
      see();
      const state = await at.rig.reach(asked, 'reverted', 'failed', 'live');
      expect(state.kind).toMatch(/^(?:reverted|failed)$/);
      expect(JSON.stringify(state)).toContain('the database was changed');
    });
  });
});
