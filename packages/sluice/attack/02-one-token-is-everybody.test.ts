import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cardOf, signApproval, signChange, signRequest, type Identity } from '#access';
import { digestOf, isoTime, parseDigest } from '#kernel';
import { systemClock, systemIds } from '#host';
import { confirmationToWire, routeRights } from '#server';
import { cardBody, memberOf, operatorToken, peopleRig, somebody, type PeopleRig } from './people-rig.ts';

describe('2 · one token is everybody', () => {
  let at: PeopleRig;
  beforeAll(async () => {
    at = await peopleRig();
    const live = await at.rig.deploy('api', 'v1.0.0');
    await at.rig.reach(live, 'live');
  });
  afterAll(() => at[Symbol.asyncDispose]());

  /** A deployment that waits in production, asked for as somebody. */
  async function waiting(as: Identity = at.people.ada): Promise<{ readonly id: string; readonly subject: string }> {
    const asked = await at.as(as, 'POST', '/v1/deployments', { services: ['api'], ref: 'v1.0.0', environment: 'production' });
    const [{ id } = { id: '' }] = (asked.body as unknown as { deployments: { id: string }[] }).deployments;
    await at.rig.reach({ request: { id, service: 'api' } } as never, 'waiting-approval');
    const view = await at.rig.engine.approvalView(id);
    if (!view.ok) throw view.error;
    return { id, subject: view.value.subject };
  }
  function approval(who: Identity, { id, subject }: { readonly id: string; readonly subject: string }): Record<string, unknown> {
    const expiresAt = systemClock.now() + 3_600_000;
    const signature = signApproval(who.seed, { subject: parseDigest(subject), deployment: id, expiresAt });
    return { person: who.person.id, subject, expiresAt: isoTime(expiresAt), signature };
  }
  const end = (): Promise<unknown> => at.operator('POST', '/v1/reverts', { service: 'api', environment: 'production', reason: 'over' });

  test('whoever holds the token invents two people and signs as both: neither is admitted, nothing counts, production stays (C04, I17)', async () => {
    const invented = [somebody('mallory', ['risk']), somebody('trent', ['trading'])];
    const deployment = await waiting();
    for (const who of invented) {
      const handedIn = await at.operator('POST', '/v1/people/cards', cardBody(who));
      expect(handedIn.body).toMatchObject({ state: 'waiting', counted: 0, needed: 2 });
      // Self-admission: with the key of the one who is to be admitted, and with the token.
      const { change, member } = memberOf('admit', who, ['people']);
      const submission = await at.asks(who, change, member);
      for (const answer of [
        await at.operator('POST', '/v1/people/changes', submission),
        await at.as(who, 'POST', '/v1/people/changes', submission),
        await at.operator('POST', `/v1/deployments/${deployment.id}/approvals`, approval(who, deployment)),
        await at.as(who, 'POST', `/v1/deployments/${deployment.id}/approvals`, approval(who, deployment)),
      ])
        expect(answer.status).toBe(403);
    }
    expect((await at.register()).people.map(({ name }) => name).toSorted()).toEqual(['ada', 'ben', 'dana']);
    const seen = await at.rig.engine.deployment(deployment.id);
    expect(seen.ok && seen.value.deployment.state.kind).toBe('waiting-approval');
    await end();
  });

  test('the token approves nothing, though the signature be genuine: it is handed in by whoever gave it', async () => {
    const deployment = await waiting();
    const genuine = approval(at.people.ada, deployment);
    expect((await at.operator('POST', `/v1/deployments/${deployment.id}/approvals`, genuine)).status).toBe(403);
    expect((await at.as(at.people.ben, 'POST', `/v1/deployments/${deployment.id}/approvals`, genuine)).status).toBe(403);
    expect((await at.as(at.people.ada, 'POST', `/v1/deployments/${deployment.id}/approvals`, genuine)).status).toBe(201);
    await end();
  });

  test.each(Object.entries(routeRights).filter(([, right]) => ['approve', 'people', 'machines', 'lower-safety'].includes(right)))(
    '%s refuses the token of the state folder and a person without the right "%s"',
    async (page, right) => {
      const [method = '', path = ''] = page.split(' ');
      const to = path.replace(/:\w+/, '1');
      expect((await at.operator(method as 'POST', to, {})).status).toBe(403);
      // Whoever is admitted may approve: what they hand in is judged, and an empty body is none.
      expect((await at.as(at.people.dana, method as 'POST', to, {})).status).toBe(right === 'approve' ? 400 : 403);
    },
  );

  test('an admission that one keeper signed waits for a second, distinct one, and each signature counts for one version of the register', async () => {
    const { ada, ben } = at.people;
    const carol = somebody('carol', ['trading']);
    const { change, member } = memberOf('admit', carol, ['deploy']);
    const first = await at.asks(ada, change, member);
    const asked = await at.as(ada, 'POST', '/v1/people/changes', first);
    expect(asked.body).toMatchObject({ state: 'waiting', counted: 1, needed: 2 });
    const { number } = asked.body as unknown as { number: number };
    const confirmations = `/v1/people/changes/${number}/confirmations`;
    // The same person again, and the first keeper in the name of the second.
    expect((await at.as(ada, 'POST', confirmations, { confirmation: first['confirmation'] })).body).toMatchObject({ counted: 1 });
    const forged = { ...(first['confirmation'] as object), personRef: ben.person.id };
    expect((await at.as(ada, 'POST', confirmations, { confirmation: forged })).status).toBe(403);
    expect((await at.as(ben, 'POST', confirmations, { confirmation: forged })).status).toBe(403);
    const second = await at.asks(ben, change);
    expect((await at.as(ben, 'POST', confirmations, { confirmation: second['confirmation'] })).body).toMatchObject({ state: 'applied' });
    expect((await at.register()).people.map(({ name }) => name)).toContain('carol');

    // Removed, and admitted again with the signatures that once were enough: they were of another version of the register.
    const removal = { kind: 'remove', personRef: carol.person.id } as const;
    const removed = await at.as(ada, 'POST', '/v1/people/changes', await at.asks(ada, removal));
    const again = (removed.body as unknown as { number: number }).number;
    const agreed = await at.asks(ben, removal);
    expect(
      (await at.as(ben, 'POST', `/v1/people/changes/${again}/confirmations`, { confirmation: agreed['confirmation'] })).body,
    ).toMatchObject({
      state: 'applied',
    });
    expect((await at.as(ada, 'POST', '/v1/people/changes', first)).status).toBe(403);
    expect((await at.register()).people.map(({ name }) => name)).not.toContain('carol');
  });

  test('functions, addresses and rights change only with two: an author cannot lend their address away, an approver cannot become another', async () => {
    const { ada, dana } = at.people;
    const before = (await at.register()).people.map(({ id, emails, functions, rights }) => ({ id, emails, functions, rights }));
    // A second address, somebody else's address, another function, a right.
    const grown: Identity = { ...dana, person: { ...dana.person, emails: [...dana.person.emails, 'second@example.com'] } };
    for (const made of [
      memberOf('change', grown),
      memberOf('change', { ...dana, person: { ...dana.person, functions: ['board'] } }),
      memberOf('change', dana, ['people']),
    ]) {
      expect((await at.as(dana, 'POST', '/v1/people/changes', await at.asks(dana, made.change, made.member))).status).toBe(403);
      expect((await at.as(ada, 'POST', '/v1/people/changes', await at.asks(ada, made.change, made.member))).body).toMatchObject({
        state: 'waiting',
      });
    }
    const claimed = memberOf('change', { ...dana, person: { ...dana.person, emails: ['ada@example.com'] } });
    expect(
      (await at.as(ada, 'POST', '/v1/people/changes', await at.asks(ada, claimed.change, claimed.member))).body.error?.message,
    ).toContain('belongs to "ada"');
    // What is described is not what is signed for.
    const described = memberOf('change', dana, []);
    const swapped = await at.asks(ada, described.change, memberOf('change', grown).member);
    expect((await at.as(ada, 'POST', '/v1/people/changes', swapped)).status).toBe(400);
    expect((await at.register()).people.map(({ id, emails, functions, rights }) => ({ id, emails, functions, rights }))).toEqual(before);
  });

  test('the last keepers cannot be removed, so that nobody is left to found the register anew', async () => {
    const { ada, ben } = at.people;
    const removal = { kind: 'remove', personRef: ben.person.id } as const;
    const asked = await at.as(ada, 'POST', '/v1/people/changes', await at.asks(ada, removal));
    const { number } = asked.body as unknown as { number: number };
    const agreed = await at.asks(ben, removal);
    const refused = await at.as(ben, 'POST', `/v1/people/changes/${number}/confirmations`, { confirmation: agreed['confirmation'] });
    expect([refused.status, refused.body.error?.message]).toEqual([403, expect.stringContaining('would be left')]);
    const founders = [somebody('mallory'), somebody('trent')].map((who) => ({
      card: cardOf(who),
      rights: ['people'] as const,
      salt: '0'.repeat(32),
    }));
    expect(await at.rig.engine.register.found(founders)).toEqual({ ok: true, value: 'there' });
    expect((await at.register()).people.map(({ name }) => name)).not.toContain('mallory');
  });

  test('what a removed person has signed, and was not used, counts no more (X-04)', async () => {
    const { ben } = at.people;
    const erin = somebody('erin', ['risk']);
    const admitted = memberOf('admit', erin, []);
    await both(admitted.change, admitted.member);
    const deployment = await waiting();
    expect((await at.as(erin, 'POST', `/v1/deployments/${deployment.id}/approvals`, approval(erin, deployment))).status).toBe(201);
    expect(await needs(deployment.id)).toEqual(['trading']);
    await both({ kind: 'remove', personRef: erin.person.id });
    expect(await needs(deployment.id)).toEqual(['risk', 'trading']);
    // The other function alone is not enough any more, and the removed person is nobody.
    expect((await at.as(ben, 'POST', `/v1/deployments/${deployment.id}/approvals`, approval(ben, deployment))).body['state']).toBe(
      'waiting-approval',
    );
    expect((await at.as(erin, 'POST', `/v1/deployments/${deployment.id}/approvals`, approval(erin, deployment))).status).toBe(403);
    expect((await at.as(erin, 'GET', '/v1/status')).status).toBe(403);
    await end();
  });

  test('a request that somebody overheard is taken once, and fits no other page, body, person or control plane', async () => {
    const { ada, ben } = at.people;
    const order = { services: ['engine'], ref: 'v1.0.0', environment: 'staging' };
    const header = at.signed(ada, 'POST', '/v1/deployments', order);
    expect((await at.send('POST', '/v1/rollbacks', header, order)).status).toBe(403);
    expect((await at.send('POST', '/v1/deployments?x', header, order)).status).toBe(403);
    expect((await at.send('POST', '/v1/deployments', header, { ...order, ref: 'v6.6.6' })).status).toBe(403);
    expect((await at.send('POST', '/v1/deployments', header.replace(ada.person.id, ben.person.id), order)).status).toBe(403);
    expect((await at.send('POST', '/v1/deployments', header, order)).status).toBe(201);
    const again = await at.send('POST', '/v1/deployments', header, order);
    expect([again.status, again.body.error?.message]).toEqual([403, expect.stringContaining('taken before')]);
    const elsewhere = forAnotherPlane(ada, order);
    expect((await at.send('POST', '/v1/deployments', elsewhere, order)).status).toBe(403);
  });

  test("an invented, a stale and a machine's token: each does what it may and no more (I17)", async () => {
    const { ada } = at.people;
    for (const authorization of [
      '',
      'Bearer',
      `Bearer ${operatorToken}x`,
      `Bearer sluice-machine.${randomBytes(32).toString('base64url')}`,
      operatorToken,
    ])
      expect((await at.send('GET', '/v1/status', authorization)).status, authorization).toBe(403);
    const token = `sluice-machine.${randomBytes(32).toString('base64url')}`;
    const machine = {
      machineRef: systemIds.uuid(),
      name: 'ci',
      rights: ['look', 'deploy'],
      tokenDigest: digestOf(token),
      expiresAt: systemClock.now() + 60_000,
    } as const;
    const change = { kind: 'admit-machine', machine: { ...machine, expiresAt: Math.floor(machine.expiresAt) } } as const;
    // A right that only people have cannot be given to a machine.
    const greedy = { ...change, machine: { ...change.machine, rights: ['approve'] } } as never;
    expect((await at.as(ada, 'POST', '/v1/machines/changes', await at.asks(ada, greedy))).status).toBe(400);
    expect((await at.as(ada, 'POST', '/v1/machines/changes', await at.asks(ada, change))).body).toMatchObject({ state: 'applied' });
    const order = { services: ['feed'], ref: 'v1.0.0', environment: 'staging' };
    const asked = await at.send('POST', '/v1/deployments', `Bearer ${token}`, order);
    expect(asked.status).toBe(201);
    expect((await at.send('POST', '/v1/people/cards', `Bearer ${token}`, cardBody(somebody('eve')))).status).toBe(403);
    expect((await at.send('POST', '/v1/reverts', `Bearer ${token}`, { service: 'feed', environment: 'staging', reason: '' })).status).toBe(
      403,
    );
    const revoked = { kind: 'revoke-machine', machineRef: machine.machineRef } as const;
    expect((await at.as(ada, 'POST', '/v1/machines/changes', await at.asks(ada, revoked))).body).toMatchObject({ state: 'applied' });
    expect((await at.send('GET', '/v1/status', `Bearer ${token}`)).status).toBe(403);
  });

  test('the record names who asked: person, machine or operator, and no name or address of anybody (I10, I17)', async () => {
    const entries = await at.rig.engine.timeline({ limit: 1_000 });
    if (!entries.ok) throw entries.error;
    const asked = entries.value.filter(({ entry }) => entry.type === 'deployment.requested').map(({ entry }) => entry.actorRef);
    expect(asked).toContain(`person:${at.people.ada.person.id}`);
    expect(asked.some((ref) => /^machine:[0-9a-f-]{36}$/.test(ref))).toBe(true);
    const cancelled = entries.value.filter(({ entry }) => entry.type === 'deployment.cancelled').map(({ entry }) => entry.actorRef);
    expect(cancelled).toContain('operator');
    expect(JSON.stringify(entries.value)).not.toMatch(/@example|"(?:ada|ben|dana|erin|carol)"/);
  });

  async function both(change: Parameters<PeopleRig['asks']>[1], member?: Parameters<PeopleRig['asks']>[2]): Promise<void> {
    const { ada, ben } = at.people;
    const asked = await at.as(ada, 'POST', '/v1/people/changes', await at.asks(ada, change, member));
    const { number } = asked.body as unknown as { number: number };
    const second = await at.asks(ben, change);
    const made = await at.as(ben, 'POST', `/v1/people/changes/${number}/confirmations`, { confirmation: second['confirmation'] });
    expect(made.body).toMatchObject({ state: 'applied' });
  }

  async function needs(id: string): Promise<readonly string[]> {
    const view = await at.rig.engine.approvalView(id);
    if (!view.ok) throw view.error;
    return view.value.needs;
  }

  /** A request that the same person signed for another control plane, which relays it. */
  function forAnotherPlane(who: Identity, body: unknown): string {
    return signRequest(who.seed, {
      plane: digestOf('another control plane'),
      person: who.person.id,
      method: 'POST',
      target: '/v1/deployments',
      body: digestOf(JSON.stringify(body)),
      at: systemClock.now(),
      nonce: randomBytes(16).toString('base64url'),
    });
  }

  // What is signed for one register is of no use for another one, even where the same people keep both.
  test('a confirmation that was signed for another control plane does not count', async () => {
    const { ada } = at.people;
    const { change, member } = memberOf('admit', somebody('zed'));
    const place = { plane: digestOf('another control plane'), version: (await at.register()).version };
    const confirmation = confirmationToWire(
      signChange({ personRef: ada.person.id, seed: ada.seed }, place, change, systemClock.now() + 3_600_000),
    );
    expect((await at.as(ada, 'POST', '/v1/people/changes', { change, member, confirmation })).status).toBe(403);
  });
});
