import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Router } from '#rollout';
import type { Deployment } from './deployment.ts';
import { startEngine, type Engine } from './engine.ts';
import { deliveryOf, fakeEdge, portsOver, until, world, type World } from './fixtures/world.ts';

const delivery = deliveryOf(['taken', 'gone']);

let place: World;
let engine: Engine;
const edge = fakeEdge();
/** Somebody else holds the port of `taken`; for `gone` the router does not answer. */
const router: Router = {
  ...bound(edge.router),
  declare: async (service, how) => {
    if (service === 'staging/taken') return { ok: false, error: { kind: 'port-in-use', port: 8_080 } };
    if (service === 'staging/gone') return { ok: false, error: { kind: 'unreachable', message: 'no answer' } };
    return edge.router.declare(service, how);
  },
};

/** Methods of a class, as values that can be replaced one by one. */
function bound(fake: typeof edge.router): Router {
  return {
    kind: fake.kind,
    declare: fake.declare.bind(fake),
    takeEpoch: fake.takeEpoch.bind(fake),
    route: fake.route.bind(fake),
    revert: fake.revert.bind(fake),
    observe: fake.observe.bind(fake),
    revertsAfter: fake.revertsAfter.bind(fake),
  };
}

beforeAll(async () => {
  place = await world();
  const ports = portsOver(place.store, { ...edge, router }, place.folder, delivery.services);
  engine = await startEngine(ports, { executor: 'e1', databaseUrl: place.server.url, delivery });
});

afterAll(async () => {
  await engine.stop();
  await place[Symbol.asyncDispose]();
});

async function deploy(service: string): Promise<Deployment> {
  const order = { services: [service], environment: 'staging', ref: 'v1.0.0', pipeline: 'default' };
  const asked = await engine.requestDeployment(order, { actorRef: 'controller', requestId: `request-${service}` });
  if (!asked.ok || asked.value[0] === undefined) throw new Error('it was not asked for');
  return asked.value[0];
}

const reach = async (deployment: Deployment, ...kinds: readonly string[]): Promise<Deployment['state']> =>
  until(`${deployment.request.service} is ${kinds.join(' or ')}`, async () => {
    const seen = await engine.deployment(deployment.request.id);
    return seen.ok && kinds.includes(seen.value.deployment.state.kind) ? seen.value.deployment.state : undefined;
  });

test('a port that another program holds fails the deployment in one line, and the next one may be asked for', async () => {
  const state = await reach(await deploy('taken'), 'failed');
  expect(state.kind === 'failed' && state.error.message).toMatch(/^claim: router: .*8080/);
  await reach(await deploy('taken'), 'failed');
});

test('a rollout that waits for its router hears a person who wants to go back (I2)', async () => {
  const held = await deploy('gone');
  await reach(held, 'rolling-out');
  const place = { environment: 'staging', service: 'gone' };
  const reverted = await until('the revert is taken', async () => {
    const asked = await engine.revert(place, { by: 'erin', reason: 'enough', actorRef: 'controller' });
    return asked.ok ? asked.value : undefined;
  });
  expect(reverted.by).toBe('rollout');
  await reach(held, 'failed', 'cancelled');
});
