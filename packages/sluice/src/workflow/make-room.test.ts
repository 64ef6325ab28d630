import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Deployment, DeploymentState } from './deployment.ts';
import { startEngine, type Engine } from './engine.ts';
import { delivery, fakeEdge, portsOver, until, world, type World } from './fixtures/world.ts';
import type { Asked, RolloutRecord } from './rollout-record.ts';

let place: World;
let engine: Engine;
const edge = fakeEdge();
const asker = { actorRef: 'controller', requestId: 'request-1' };

/** Where a rollout of the version is held until it is let go: `arrived` resolves once it stands there. */
type Hold = { readonly during: string; readonly arrived: PromiseWithResolvers<void>; readonly go: PromiseWithResolvers<void> };
let hold: Hold | undefined;

const holdAt = (during: string): Hold => (hold = { during, arrived: Promise.withResolvers(), go: Promise.withResolvers() });

beforeAll(async () => {
  place = await world();
  engine = await startEngine(portsOver(place.store, edge, place.folder), {
    executor: 'e1',
    databaseUrl: place.server.url,
    delivery,
    trigger: async (point, during) => {
      if (hold === undefined || point !== 'before-effect' || during !== hold.during) return;
      const here = hold;
      hold = undefined;
      here.arrived.resolve();
      await here.go.promise;
    },
  });
});

afterAll(async () => {
  await engine.stop();
  await place[Symbol.asyncDispose]();
});

async function deploy(ref: string): Promise<string> {
  const asked = await engine.requestDeployment({ services: ['feed'], environment: 'staging', ref, pipeline: 'default' }, asker);
  if (!asked.ok) throw asked.error;
  return asked.value[0]!.request.id;
}

async function see(id: string): Promise<{ readonly deployment: Deployment; readonly rollout?: RolloutRecord }> {
  const seen = await engine.deployment(id);
  if (!seen.ok) throw seen.error;
  return seen.value;
}

const active = () => place.store.transaction((tx) => place.store.rollouts.active(tx));

const reaches = <K extends DeploymentState['kind']>(id: string, kind: K): Promise<Extract<DeploymentState, { readonly kind: K }>> =>
  until(`${id} is ${kind}`, async () => {
    const { state } = (await see(id)).deployment;
    return state.kind === kind ? (state as Extract<DeploymentState, { readonly kind: K }>) : undefined;
  });

const behind = (id: string) =>
  until(`${id} waits for the slot`, async () => {
    const { state } = (await see(id)).deployment;
    return state.kind === 'approved' ? state.behind : undefined;
  });

const rolloutIs = (id: string, kind: RolloutRecord['state']['kind']): Promise<boolean> =>
  until(`the rollout of ${id} is ${kind}`, async () => (await see(id)).rollout?.state.kind === kind);

test('the next release does not wait for a keep-warm of ten minutes: the rollout before it lets the old version go, and the record says for whom', async () => {
  const first = await deploy('v1.0.0');
  await rolloutIs(first, 'succeeded');
  const second = await deploy('v1.1.0');
  await reaches(second, 'live');
  const draining = holdAt('drain');
  const third = await deploy('v1.2.0');
  await draining.arrived.promise;
  expect(await behind(third)).toEqual({ rollout: (await see(second)).rollout?.id, version: 'v1.1.0', keepsWarm: 'v1.0.0' });
  draining.go.resolve();
  await reaches(third, 'live');
  await rolloutIs(second, 'succeeded');
  const ended = await engine.timeline({ chain: (await see(second)).deployment.request.chainId, limit: 100 });
  const warm = ended.ok
    ? ended.value.flatMap(({ entry }) => (entry.type === 'rollout.phase-finished' && entry.body.phase === 'keep-warm' ? [entry] : []))
    : [];
  expect(warm.map(({ outcome, reasons }) => [outcome, reasons])).toEqual([
    ['succeeded', [{ code: 'room-asked', facts: { deployment: third } }]],
  ]);
});

test('a revert that was asked first is followed, and the next release goes in after it (I2)', async () => {
  const [warm] = await active();
  await place.store.transaction((tx) => place.store.rollouts.ask(tx, warm!.id, { kind: 'revert', by: 'erin', reason: 'slow' }));
  const next = await deploy('v1.3.0');
  await reaches(warm!.deployment, 'reverted');
  await reaches(next, 'live');
  // It stands on what the reverted one stood on.
  expect((await see(next)).rollout?.plan.stable).toEqual(warm!.plan.stable);
});

test('what a person asks replaces a wish for room, and nothing is replaced by one', async () => {
  const [warm] = await active();
  const { ask, get } = place.store.rollouts;
  const askedAfter = (...wishes: readonly Asked[]): Promise<Asked | undefined> => {
    let seen: Asked | undefined;
    return place.store
      .transaction(async (tx) => {
        for (const wish of wishes) await ask(tx, warm!.id, wish);
        seen = (await get(tx, warm!.id))?.asked;
        throw new Error('only a question');
      })
      .catch(() => seen);
  };
  const back: Asked = { kind: 'revert', by: 'erin', reason: 'slow' };
  const room: Asked = { kind: 'make-room', by: 'd2' };
  expect(await askedAfter(room)).toEqual(room);
  expect(await askedAfter(room, back)).toEqual(back);
  expect(await askedAfter(back, room)).toEqual(back);
  expect(await askedAfter(room, { ...room, by: 'd3' })).toEqual(room);
});

test('a rollout that takes its version back is waited for, and the next release goes in after it (I9)', async () => {
  const [warm] = await active();
  const cleaning = holdAt('revert-drain');
  edge.bad.add(warm!.plan.version);
  await cleaning.arrived.promise;
  const next = await deploy('v1.4.0');
  expect(await behind(next)).toEqual({ rollout: warm!.id, version: warm!.plan.version });
  cleaning.go.resolve();
  await reaches(warm!.deployment, 'reverted');
  await reaches(next, 'live');
});

test('of two versions that are taken back one after the other neither is live again: the one before both is', async () => {
  const [warm] = await active();
  edge.bad.add(warm!.plan.version);
  await reaches(warm!.deployment, 'reverted');
  const views = await engine.services();
  expect(views.ok && views.value.find(({ service }) => service === 'feed')?.live?.version).toBe('v1.1.0');
  await rolloutIs(warm!.deployment, 'reverted');
  await reaches(await deploy('v1.5.0'), 'live');
});

test('whoever waits for the slot can be cancelled, and stays so when it gets free', async () => {
  const [warm] = await active();
  const stopping = holdAt('retiring');
  const next = await deploy('v1.6.0');
  await stopping.arrived.promise;
  await behind(next);
  const reverted = await engine.revert(
    { environment: 'staging', service: 'feed' },
    { by: 'erin', reason: 'not today', actorRef: 'controller' },
  );
  expect(reverted).toEqual({ ok: true, value: { by: 'cancelled', deployment: next } });
  stopping.go.resolve();
  await rolloutIs(warm!.deployment, 'succeeded');
  expect((await see(next)).deployment.state).toMatchObject({ kind: 'cancelled', by: 'erin' });
});

test('behind a rollout that gets stuck nobody waits for ever: one line says which, why and what to do (D04)', async () => {
  const before = await deploy('v1.7.0');
  await reaches(before, 'live');
  const stopping = holdAt('retiring');
  const next = await deploy('v1.8.0');
  await stopping.arrived.promise;
  await behind(next);
  edge.target.problem = { kind: 'refused', message: 'process 7 does not end' };
  stopping.go.resolve();
  const { error } = await reaches(next, 'failed');
  edge.target.problem = undefined;
  expect(error).toMatchObject({
    code: 'conflict',
    message: 'feed in staging cannot go in: the rollout of v1.7.0 before it is stuck: retire: target: process 7 does not end',
    hint: 'look at `sluice status` and at what runs in its slots, then deploy feed again',
  });
  expect((await see(before)).deployment.state.kind).toBe('live');
});
