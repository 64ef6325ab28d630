import { afterAll, beforeAll, expect, test } from 'vitest';
import { newIdentity, signApproval, type Identity } from '#access';
import { foundersOf } from './fixtures/people.ts';
import { systemClock, systemIds } from '#host';
import type { Clock } from '#kernel';
import { startEngine, type Engine } from './engine.ts';
import type { Signature } from './index.ts';
import { delivery, fakeEdge, portsOver, until, world, type World } from './fixtures/world.ts';

const HOUR = 3_600_000;
const asker = { actorRef: 'controller', requestId: 'request-1' };

let place: World;
let engine: Engine;
/** How far the engine's calendar is ahead of this machine's. */
let ahead = 0;
const clock: Clock = { ...systemClock, now: () => systemClock.now() + ahead };
const [erin, finn] = (['risk', 'trading'] as const).map((name, at) =>
  newIdentity({ id: systemIds.uuid(), name, emails: [`${name}@example.com`], functions: [name] }, new Uint8Array(32).fill(at + 1)),
) as [Identity, Identity];
const author = newIdentity(
  { id: systemIds.uuid(), name: 'dana', emails: ['dana@example.com'], functions: ['risk'] },
  new Uint8Array(32).fill(9),
);

beforeAll(async () => {
  place = await world();
  const ports = { ...portsOver(place.store, fakeEdge(), place.folder), clock };
  engine = await startEngine(ports, { executor: 'e1', databaseUrl: place.server.url, delivery });
  expect(await engine.register.found(foundersOf(erin, finn, author))).toEqual({ ok: true, value: 'founded' });
  await deployed('staging');
});

afterAll(async () => {
  await engine.stop();
  await place[Symbol.asyncDispose]();
});

async function deployed(environment: string): Promise<string> {
  const asked = await engine.requestDeployment({ services: ['api'], environment, ref: 'v1.0.0', pipeline: 'default' }, asker);
  if (!asked.ok) throw asked.error;
  const id = asked.value[0]?.request.id ?? '';
  await until(`${environment} is live or waits for approval`, async () => {
    const seen = await engine.deployment(id);
    return seen.ok && ['live', 'waiting-approval'].includes(seen.value.deployment.state.kind);
  });
  return id;
}

async function signed(id: string, { person, seed }: Identity): Promise<Signature> {
  const view = await engine.approvalView(id);
  if (!view.ok) throw view.error;
  const statement = { subject: view.value.subject, expiresAt: clock.now() + HOUR };
  return { ...statement, person: person.id, signature: signApproval(seed, { ...statement, deployment: id }) };
}

test('signatures of a deployment that ended do not let the same release in again, though the record shows them to everybody (X-04, I8)', async () => {
  const first = await deployed('production');
  const old = await signed(first, erin);
  expect((await engine.approve(first, old, 'request-2')).ok).toBe(true);
  const why = { by: 'erin', reason: 'not today', actorRef: 'controller' };
  expect(await engine.revert({ environment: 'production', service: 'api' }, why)).toMatchObject({ ok: true, value: { by: 'cancelled' } });

  const second = await deployed('production');
  const view = await engine.approvalView(second);
  expect(view.ok && view.value.subject).toBe(old.subject);
  const replayed = await engine.approve(second, old, 'request-3');
  expect(!replayed.ok && replayed.error.message).toContain('not by risk');
  expect(await engine.revert({ environment: 'production', service: 'api' }, why)).toMatchObject({ ok: true });
});

test('whose signature has lapsed signs again, and the later one counts (I8)', async () => {
  const id = await deployed('production');
  expect((await engine.approve(id, await signed(id, erin), 'request-4')).ok).toBe(true);
  ahead = 2 * HOUR;
  const lapsed = await engine.approvalView(id);
  expect(lapsed.ok && lapsed.value.needs).toEqual(['risk', 'trading']);
  const again = await engine.approve(id, await signed(id, erin), 'request-5');
  expect(again.ok && again.value.needs).toEqual(['trading']);
  expect((await engine.approve(id, await signed(id, finn), 'request-6')).ok).toBe(true);
  await until('it is live', async () => {
    const seen = await engine.deployment(id);
    return seen.ok && seen.value.deployment.state.kind === 'live';
  });
});
