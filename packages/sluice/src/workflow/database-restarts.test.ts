import { expect, test } from 'vitest';
import { systemClock } from '#host';
import type { Deployment } from './deployment.ts';
import { startEngine, type Engine } from './engine.ts';
import { deliveryOf, fakeEdge, portsOver, until, world } from './fixtures/world.ts';

const restarts = 20;

/** Asks until the database answers. A request whose answer was lost is found as the deployment that is under way. */
async function deploy(engine: Engine, ref: string): Promise<Deployment> {
  const order = { services: ['api'], environment: 'staging', ref, pipeline: 'default' };
  return until(`${ref} is asked for`, async () => {
    const asked = await engine.requestDeployment(order, { actorRef: 'controller', requestId: `request-${ref.replaceAll('.', '-')}` });
    if (asked.ok) return asked.value[0];
    if (asked.error.code === 'unavailable') return undefined;
    const underWay = await engine.deployments({ service: 'api', environment: 'staging', active: true, limit: 1 });
    return underWay.ok ? underWay.value.find(({ request }) => request.wanted.kind === 'ref' && request.wanted.ref === ref) : undefined;
  });
}

test('the database restarts again and again under rollouts that follow each other: every one ends well, in order, once (I4, I7)', async () => {
  await using place = await world();
  const delivery = deliveryOf(['api']);
  const ports = portsOver(place.store, fakeEdge(), place.folder, delivery.services);
  const engine = await startEngine(ports, { executor: 'e1', databaseUrl: place.server.url, delivery });
  const over = new AbortController();
  const restarting = (async (): Promise<void> => {
    for (let turn = 0; turn < restarts; turn += 1) {
      // Odd lengths, so that it meets ever other moments of a rollout, which takes some half a second.
      await systemClock.sleep(70 + ((turn * 97) % 410));
      await place.stopDatabase();
      await place.startDatabase();
    }
    over.abort();
  })();
  const versions: string[] = [];
  try {
    while (!over.signal.aborted) {
      const version = `v1.${versions.length}.0`;
      const { request } = await deploy(engine, version);
      await until(`the rollout of ${version} ends`, async () => {
        const seen = await engine.deployment(request.id);
        return seen.ok && seen.value.rollout?.state.kind === 'succeeded';
      });
      versions.push(version);
    }
  } finally {
    await restarting;
    await engine.stop();
  }
  expect(versions.length).toBeGreaterThan(5);
  const history = await place.store.transaction((tx) => place.store.live.history(tx, 'staging', 'api'));
  expect(history.map(({ version }) => version)).toEqual(versions.toReversed());
});
