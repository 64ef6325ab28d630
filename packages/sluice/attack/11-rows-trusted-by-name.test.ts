import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { asMember, recordedPerson, signApproval, type Identity } from '#access';
import { systemClock, systemIds } from '#host';
import { isoTime, parseDigest } from '#kernel';
import { peopleRig, somebody, type PeopleRig } from './people-rig.ts';

describe('11 · rows trusted by name', () => {
  describe('people', () => {
    let at: PeopleRig;
    let database: Client;
    let rows: readonly { readonly id: string; readonly document: unknown }[] = [];
    beforeAll(async () => {
      at = await peopleRig();
      for (const service of ['api', 'engine']) await at.rig.reach(await at.rig.deploy(service, 'v1.0.0'), 'live');
      database = new Client({ connectionString: at.rig.place.server.url, options: '-c search_path=sluice' });
      await database.connect();
      rows = (await database.query('select id, document from person')).rows;
    });
    afterAll(async () => {
      await database.end();
      await at[Symbol.asyncDispose]();
    });
    /** Puts the table right, as a backup would. */
    async function restored(): Promise<void> {
      await database.query('delete from person');
      for (const { id, document } of rows)
        await database.query('insert into person (id, document, version, updated_at) values ($1, $2, 1, now())', [
          id,
          JSON.stringify(document),
        ]);
    }
    afterEach(restored);

    async function waits(): Promise<{ readonly id: string; readonly subject: string }> {
      const asked = await at.rig.deploy('api', 'v1.0.0', 'production');
      const state = await at.rig.reach(asked, 'waiting-approval');
      return { id: asked.request.id, subject: state.kind === 'waiting-approval' ? state.subject : '' };
    }
    async function approve(who: Identity, { id, subject }: { readonly id: string; readonly subject: string }, as = who): Promise<number> {
      const expiresAt = systemClock.now() + 3_600_000;
      const signature = signApproval(who.seed, { subject: parseDigest(subject), deployment: id, expiresAt });
      const body = { person: who.person.id, subject, expiresAt: isoTime(expiresAt), signature };
      return (await at.as(as, 'POST', `/v1/deployments/${id}/approvals`, body)).status;
    }
    const state = async (id: string): Promise<string> => {
      const seen = await at.rig.engine.deployment(id);
      return seen.ok ? seen.value.deployment.state.kind : '';
    };
    const changed = (name: string, patch: Readonly<Record<string, unknown>>): Promise<unknown> =>
      database.query(`update person set document = document || $2::jsonb where document->>'name' = $1`, [name, JSON.stringify(patch)]);

    test('a key exchanged in the table of people: neither the forged approval counts, nor anything else moves forward until the row is put right', async () => {
      const { ada, ben } = at.people;
      const deployment = await waits();
      const thief: Identity = { ...somebody('thief'), person: { ...somebody('thief').person, id: ada.person.id } };
      await changed('ada', { publicKey: thief.person.publicKey });
      // By the thief's key, by the true one, and by somebody else whose row nobody touched.
      for (const who of [thief, ada, ben]) expect(await approve(who, deployment)).toBeGreaterThanOrEqual(400);
      expect(await state(deployment.id)).toBe('waiting-approval');
      const view = await at.rig.engine.approvalView(deployment.id);
      expect(!view.ok && view.error.message).toContain('disagrees with the signed record');
      // Going back waits for nothing.
      expect((await at.operator('POST', '/v1/reverts', { service: 'api', environment: 'production', reason: 'odd' })).status).toBe(201);

      await restored();
      const next = await waits();
      expect([await approve(ada, next), await approve(ben, next)]).toEqual([201, 201]);
      expect(await state(next.id)).not.toBe('waiting-approval');
      await at.rig.reach({ request: { id: next.id, service: 'api' } } as never, 'live');
    });

    test.each([
      ['a function', { functions: ['risk', 'trading'] }],
      ['an address of the author', { emails: ['ada@example.com', 'dana@example.com'] }],
      ['a right', { rights: ['people'] }],
      ['a name', { name: 'ada', salt: 'f'.repeat(32) }],
    ])('%s changed in the table stops forward moves', async (_, patch) => {
      await changed('ada', patch);
      const asked = await at.rig.deploy('engine', 'v1.0.0', 'production');
      await expect(at.rig.reach(asked, 'waiting-approval', 'live')).rejects.toThrow('disagrees with the signed record');
    });

    test('a person written into the table, and one taken out of it, stop them too', async () => {
      const mallory = asMember(somebody('mallory').person, ['people'], '0'.repeat(32));
      await database.query('insert into person (id, document, version, updated_at) values ($1, $2, 1, now())', [
        mallory.id,
        JSON.stringify(mallory),
      ]);
      await expect(at.rig.reach(await at.rig.deploy('engine', 'v1.0.0', 'production'), 'waiting-approval', 'live')).rejects.toThrow(
        'was never admitted',
      );
      await database.query(`delete from person where document->>'name' in ('mallory', 'dana')`);
      await expect(at.rig.reach(await at.rig.deploy('engine', 'v1.0.0', 'production'), 'waiting-approval', 'live')).rejects.toThrow(
        'is missing',
      );
    });

    test('an entry of an admission that nobody confirmed, put among those that wait to be signed, is signed and changes nothing', async () => {
      const mallory = asMember(somebody('mallory').person, ['people'], '0'.repeat(32));
      const entry = {
        v: 1,
        id: systemIds.next(),
        at: `${isoTime(systemClock.now()).slice(0, -1)}000Z`,
        type: 'person.admitted',
        actorRef: 'operator',
        subject: { kind: 'person', id: mallory.id, digest: null },
        env: null,
        requestId: 'request-9',
        chainId: 'register',
        inputs: [],
        outcome: 'succeeded',
        reasons: [],
        body: { register: 2, confirmations: [], person: recordedPerson(mallory) },
      };
      await database.query('insert into person (id, document, version, updated_at) values ($1, $2, 1, now())', [
        mallory.id,
        JSON.stringify(mallory),
      ]);
      await database.query(`insert into ledger_entry (id, type, subject, chain, at, body) values ($1, $2, $3, 'register', now(), $4)`, [
        entry.id,
        entry.type,
        mallory.id,
        JSON.stringify(entry),
      ]);
      await database.query(`notify sluice_ledger`);
      await at.rig.engine.waitIntegrated(entry.id);
      await expect(at.rig.reach(await at.rig.deploy('engine', 'v1.0.0', 'production'), 'waiting-approval', 'live')).rejects.toThrow(
        'was never admitted',
      );
      expect(at.rig.warnings.join('\n')).toContain('does not count: the register of people does not change: 2 confirmations are needed');
      await restored();
      await at.rig.reach(await at.rig.deploy('engine', 'v1.0.0', 'production'), 'waiting-approval');
    });

    test('the stored log rewritten, or cut back to before a change: nobody is known until it is the signed one again', async () => {
      const { ada } = at.people;
      expect((await at.as(ada, 'GET', '/v1/status')).status).toBe(200);
      await database.query('delete from ledger_checkpoint where size = (select max(size) from ledger_checkpoint)');
      const answer = await at.as(ada, 'GET', '/v1/status');
      expect([answer.status, answer.body.error?.message]).toEqual([409, expect.stringContaining('shorter than what was signed')]);
    });
  });
});
