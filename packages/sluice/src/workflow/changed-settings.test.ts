import { expect, test } from 'vitest';
import type { Delivery } from '#define';
import { startEngine } from './engine.ts';
import { deliveryOf, fakeEdge, portsOver, until, world } from './fixtures/world.ts';

const before = deliveryOf(['api']);
const after: Delivery = {
  ...before,
  environments: { staging: { ...before.environments['staging']!, services: changed() } },
};

function changed(): Delivery['environments'][string]['services'] {
  const api = before.environments['staging']?.services['api'];
  if (api === undefined) throw new Error('the fixture has lost its service');
  return { api: { ...api, env: { MAX_ORDER_LOTS: '5' }, instances: 3 } };
}

test('a setting that an environment changes is rolled out, though the release is the same; what has not changed is left alone (I5, R-ROLL-01)', async () => {
  await using place = await world();
  const edge = fakeEdge();
  /** Deploys the one commit there is, with the definition of the day. */
  const deployed = async (delivery: Delivery): Promise<string> => {
    const engine = await startEngine(portsOver(place.store, edge, place.folder, delivery.services), {
      executor: 'e1',
      databaseUrl: place.server.url,
      delivery,
    });
    try {
      const order = { services: ['api'], environment: 'staging', ref: 'v1.0.0', pipeline: 'default' };
      const asked = await engine.requestDeployment(order, { actorRef: 'controller', requestId: 'request-1' });
      if (!asked.ok) throw asked.error;
      const id = asked.value[0]?.request.id ?? '';
      return await until('the deployment ends', async () => {
        const seen = await engine.deployment(id);
        if (!seen.ok) throw seen.error;
        const { kind } = seen.value.deployment.state;
        return kind === 'skipped' || (kind === 'live' && seen.value.rollout?.state.kind === 'succeeded') ? kind : undefined;
      });
    } finally {
      await engine.stop();
    }
  };
  const instances = async (): Promise<readonly number[]> => {
    const slots = await Promise.all((['blue', 'green'] as const).map(async (slot) => edge.target.observe('staging/api', slot)));
    return slots.flatMap((seen) => (seen.ok && seen.value.instances.length > 0 ? [seen.value.instances.length] : []));
  };
  expect([await deployed(before), await instances()]).toEqual(['live', [1]]);
  expect(await deployed(before)).toBe('skipped');
  expect([await deployed(after), await instances()]).toEqual(['live', [3]]);
  expect(await deployed(after)).toBe('skipped');
});
