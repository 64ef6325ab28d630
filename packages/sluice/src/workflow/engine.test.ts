import { afterAll, beforeAll, expect, test } from 'vitest';
import { newIdentity, signApproval, type Identity } from '#access';
import { systemClock, systemIds } from '#host';
import { digestOf } from '#kernel';
import type { Deployment } from './deployment.ts';
import { startEngine, type Engine } from './engine.ts';
import { commitOf, delivery, fakeEdge, portsOver, until, world, type World } from './fixtures/world.ts';
import { foundersOf } from './fixtures/people.ts';
import { noTrigger, type Trigger } from './trigger-points.ts';

let place: World;
let engine: Engine;
const edge = fakeEdge();
const warnings: string[] = [];
/** What happens at a named point of the driver; nothing unless a test says so. */
let hook: Trigger = noTrigger;
const asker = { actorRef: 'controller', requestId: 'request-1' };

beforeAll(async () => {
  place = await world();
  const ports = portsOver(place.store, edge, place.folder);
  engine = await startEngine(ports, {
    executor: 'e1',
    databaseUrl: place.server.url,
    delivery,
    warn: (line) => warnings.push(line),
    trigger: (...at) => hook(...at),
  });
});

afterAll(async () => {
  await engine.stop();
  await place[Symbol.asyncDispose]();
});

async function deploy(service: string, ref: string, environment: string): Promise<Deployment> {
  const asked = await engine.requestDeployment({ services: [service], environment, ref, pipeline: 'default' }, asker);
  if (!asked.ok) throw asked.error;
  return asked.value[0]!;
}

async function reach(deployment: Deployment, ...kinds: readonly Deployment['state']['kind'][]): Promise<Deployment['state']> {
  return until(`${deployment.request.service} is ${kinds.join(' or ')}`, async () => {
    const seen = await engine.deployment(deployment.request.id);
    if (!seen.ok) throw seen.error;
    const { state } = seen.value.deployment;
    if (kinds.includes(state.kind)) return state;
    if (state.kind === 'failed') throw new Error(state.error.message);
    return undefined;
  });
}

async function rolloutEnds(deployment: Deployment): Promise<string> {
  return until('the rollout ends', async () => {
    const seen = await engine.deployment(deployment.request.id);
    if (!seen.ok) throw seen.error;
    const kind = seen.value.rollout?.state.kind ?? '';
    return ['succeeded', 'reverted', 'failed', 'cancelled', 'stuck'].includes(kind) ? kind : undefined;
  });
}

test('a commit goes to staging: run, release, rollout, live, and every step is in the signed log (R-ROLL-01, I7)', async () => {
  const first = await deploy('api', 'v1.0.0', 'staging');
  await reach(first, 'live');
  expect(await rolloutEnds(first)).toBe('succeeded');
  const second = await deploy('api', 'v1.1.0', 'staging');
  await reach(second, 'live');
  expect(await rolloutEnds(second)).toBe('succeeded');
  const seen = await edge.router.observe('staging/api');
  expect(seen.ok && seen.value.weights).toEqual({ blue: 0, green: 10_000 });
  const entries = await engine.timeline({ chain: second.request.chainId, limit: 100 });
  if (!entries.ok) throw entries.error;
  const types = entries.value.map(({ entry }) => entry.type);
  expect(types).toEqual(
    expect.arrayContaining([
      'run.started',
      'verdict.recorded',
      'release.created',
      'deployment.requested',
      'rollout.started',
      'rollout.committed',
    ]),
  );
  await until('all entries are numbered', async () => {
    const again = await engine.timeline({ chain: second.request.chainId, limit: 100 });
    return again.ok && again.value.every(({ number }) => number !== undefined);
  });
  expect(warnings).toEqual([]);
  expect(edge.target.started).toHaveLength(2);
});

test('a version that answers with errors is taken back by itself and the old one is live again (I2, D03)', async () => {
  edge.bad.add('v1.2.0');
  const third = await deploy('api', 'v1.2.0', 'staging');
  const state = await reach(third, 'reverted');
  expect(state.kind === 'reverted' && state.because).toMatch(/errors/);
  expect(await rolloutEnds(third)).toBe('reverted');
  const seen = await edge.router.observe('staging/api');
  expect(seen.ok && [seen.value.weights, seen.value.latch?.by]).toEqual([{ blue: 0, green: 10_000 }, 'sluice']);
  const journaled = await until('the revert is in the log once', async () => {
    const entries = await engine.timeline({ subject: 'api', limit: 10 });
    return entries.ok && entries.value.length > 0 ? entries.value : undefined;
  });
  expect(journaled.map(({ entry }) => entry.type)).toEqual(['revert.journaled']);
});

test('a second deployment of a service that moves is refused in one line (409)', async () => {
  const one = await deploy('engine', 'v1.0.0', 'staging');
  const two = await engine.requestDeployment({ services: ['engine'], environment: 'staging', ref: 'v1.1.0', pipeline: 'default' }, asker);
  expect(!two.ok && two.error.code).toBe('conflict');
  await reach(one, 'live');
  await rolloutEnds(one);
});

test('a release that runs already is skipped with its reason', async () => {
  const again = await deploy('engine', 'v1.0.0', 'staging');
  const state = await reach(again, 'skipped');
  expect(state.kind === 'skipped' && state.because).toBe('engine in staging runs exactly this already');
});

test('a release may not enter production before it is live in staging', async () => {
  const early = await deploy('api', 'v1.3.0', 'production').catch((error: unknown) => error);
  const failed = await until('it is refused', async () => {
    const seen = await engine.deployment((early as Deployment).request.id);
    return seen.ok && seen.value.deployment.state.kind === 'failed' ? seen.value.deployment.state : undefined;
  });
  expect(failed.error.message).toContain('it is not live in staging');
  expect(commitOf('v1.3.0').sha).toHaveLength(40);
});

test('production waits for two distinct people of the required functions, none of them an author, and a signature over anything else does not count (C04, C05, X-04)', async () => {
  const people = (
    [
      ['dana', ['risk']],
      ['erin', ['risk']],
      ['finn', ['trading']],
    ] as const
  ).map(([name, functions], at) =>
    newIdentity({ id: systemIds.uuid(), name, emails: [`${name}@example.com`], functions }, new Uint8Array(32).fill(at + 1)),
  );
  expect(await engine.register.found(foundersOf(...people))).toEqual({ ok: true, value: 'founded' });
  const [dana, erin, finn] = people;
  const asked = await deploy('engine', 'v1.0.0', 'production');
  const state = await reach(asked, 'waiting-approval');
  const { id } = asked.request;
  const view = await engine.approvalView(id);
  if (!view.ok) throw view.error;
  expect([view.value.needs, state.kind === 'waiting-approval' && state.subject]).toEqual([['risk', 'trading'], view.value.subject]);
  const sign = (identity: Identity, subject = view.value.subject) => {
    const statement = { subject, expiresAt: systemClock.now() + 3_600_000 };
    const signature = signApproval(identity.seed, { ...statement, deployment: id });
    return engine.approve(id, { ...statement, person: identity.person.id, signature }, 'request-2');
  };
  const byAuthor = await sign(dana!);
  expect(!byAuthor.ok && byAuthor.error.message).toContain('dana wrote, co-wrote or committed part of this change');
  const other = await sign(erin!, digestOf('something else'));
  expect(!other.ok && other.error.code).toBe('forbidden');
  expect((await sign(erin!)).ok).toBe(true);
  const twice = await sign(erin!);
  expect(!twice.ok && twice.error.message).toContain('has signed already');
  const waiting = await engine.deployment(id);
  expect(waiting.ok && waiting.value.deployment.state.kind).toBe('waiting-approval');
  expect((await sign(finn!)).ok).toBe(true);
  await reach(asked, 'live');
  expect(await rolloutEnds(asked)).toBe('succeeded');
  const entries = await engine.timeline({ chain: asked.request.chainId, limit: 100 });
  const types = entries.ok ? entries.value.map(({ entry }) => entry.type) : [];
  expect(types.filter((type) => type.startsWith('approval.'))).toEqual([
    'approval.refused',
    'approval.refused',
    'approval.granted',
    'approval.refused',
    'approval.granted',
  ]);
  expect(types.filter((type) => type === 'deployment.approved')).toHaveLength(1);
});

test('a rollback goes to the release that was live before, and production asks nobody again', async () => {
  const again = await engine.rollback({ environment: 'staging', service: 'api', to: 'v1.0.0' }, asker);
  if (!again.ok) throw again.error;
  await reach(again.value, 'live');
  expect(await rolloutEnds(again.value)).toBe('succeeded');
  const views = await engine.services();
  const api = views.ok ? views.value.find(({ environment, service }) => environment === 'staging' && service === 'api') : undefined;
  expect(api?.live?.version).toBe('v1.0.0');
});

test('a revert during a rollout needs no database: the router alone moves traffic, and the rollout notices (I2)', async () => {
  const next = await deploy('api', 'v1.4.0', 'staging');
  await until('the new version has traffic', async () => {
    const seen = await edge.router.observe('staging/api');
    return seen.ok && seen.value.latch === undefined && seen.value.weights.blue > 0 && seen.value.weights.green > 0;
  });
  const before = await edge.router.observe('staging/api');
  const reverted = await engine.revert(
    { environment: 'staging', service: 'api' },
    { by: 'erin', reason: 'a feeling', actorRef: 'controller' },
  );
  expect(reverted).toEqual({ ok: true, value: { by: 'router' } });
  const state = await reach(next, 'reverted');
  expect(state.kind === 'reverted' && state.because).toContain('reverted at the router by erin');
  expect(await rolloutEnds(next)).toBe('reverted');
  const after = await edge.router.observe('staging/api');
  expect(after.ok && before.ok && after.value.epoch > before.value.epoch).toBe(true);
});

test('a faulty version is taken back while the database is away, and the record of it follows once it is back (I2, I7)', async () => {
  edge.bad.add('v1.5.0');
  const ready = edge.blind();
  const next = await deploy('api', 'v1.5.0', 'staging');
  await until('the new version has traffic', async () => {
    const seen = await edge.router.observe('staging/api');
    return seen.ok && seen.value.latch === undefined && seen.value.weights.blue > 0 && seen.value.weights.green > 0;
  });
  await place.stopDatabase();
  ready();
  await until('all traffic is back', async () => {
    const seen = await edge.router.observe('staging/api');
    return seen.ok && seen.value.latch?.by === 'sluice';
  });
  const asked = await engine.requestDeployment({ services: ['engine'], environment: 'staging', ref: 'v1.6.0', pipeline: 'default' }, asker);
  expect(!asked.ok && asked.error.code).toBe('unavailable');
  await place.startDatabase();
  await reach(next, 'reverted');
  expect(await rolloutEnds(next)).toBe('reverted');
  const entries = await engine.timeline({ chain: next.request.chainId, limit: 100 });
  expect(entries.ok && entries.value.filter(({ entry }) => entry.type === 'rollout.reverted')).toHaveLength(1);
});

test('a version that got traffic just before the database went away is watched all the same, and taken back (D06, I2)', async () => {
  edge.bad.add('v1.5.1');
  let stopped = false;
  hook = async (point, during) => {
    if (point !== 'after-effect' || during !== 'shift' || stopped) return;
    stopped = true;
    await place.stopDatabase();
  };
  const next = await deploy('api', 'v1.5.1', 'staging');
  await until('all traffic is back', async () => {
    const seen = await edge.router.observe('staging/api');
    return stopped && seen.ok && seen.value.latch?.by === 'sluice' && seen.value.latch.reason.includes('errors');
  });
  hook = noTrigger;
  await place.startDatabase();
  await reach(next, 'reverted');
  expect(await rolloutEnds(next)).toBe('reverted');
  const entries = await engine.timeline({ chain: next.request.chainId, limit: 100 });
  expect(entries.ok && entries.value.filter(({ entry }) => entry.type === 'rollout.reverted')).toHaveLength(1);
});

test('of several services each waits for the one before it, and one that does not get through holds back those after it', async () => {
  const both = await engine.requestDeployment(
    { services: ['engine', 'api'], environment: 'staging', ref: 'v1.7.0', pipeline: 'default' },
    asker,
  );
  if (!both.ok) throw both.error;
  const [first, second] = both.value;
  expect([first!.state.kind, second!.state]).toEqual(['requested', { kind: 'queued', after: first!.request.id }]);
  await reach(first!, 'live');
  await reach(second!, 'live');
  await rolloutEnds(second!);
  edge.bad.add('v1.8.0');
  const bad = await engine.requestDeployment(
    { services: ['engine', 'api'], environment: 'staging', ref: 'v1.8.0', pipeline: 'default' },
    asker,
  );
  if (!bad.ok) throw bad.error;
  await reach(bad.value[0]!, 'reverted');
  await expect(reach(bad.value[1]!, 'live')).rejects.toThrow('not begun: engine, which it needs, did not get through');
});

test('a fault while the old version is kept warm takes a live release back, and the one before it is live again (I9)', async () => {
  const live = async (): Promise<string | undefined> => {
    const views = await engine.services();
    return views.ok
      ? views.value.find(({ environment, service }) => environment === 'staging' && service === 'engine')?.live?.version
      : undefined;
  };
  const before = await live();
  const next = await deploy('engine', 'v1.9.0', 'staging');
  await reach(next, 'live');
  const see = edge.blind();
  edge.bad.add('v1.9.0');
  see();
  await reach(next, 'reverted');
  expect(await rolloutEnds(next)).toBe('reverted');
  expect([before, await live()]).toEqual(['v1.7.0', 'v1.7.0']);
});
