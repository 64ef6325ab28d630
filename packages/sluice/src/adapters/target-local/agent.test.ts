import { expect, test } from 'vitest';
import { rig, slotWhen } from './fixtures/rig.ts';

const healthy = (status: { readonly instances: readonly { readonly state: string }[] }): boolean =>
  status.instances.length > 0 && status.instances.every((instance) => instance.state === 'healthy');

test('a placed service gets healthy, is attested and is retired without a process left', async () => {
  await using agent = await rig();
  const order = await agent.order('healthy', { instances: 2 });
  const placed = await agent.target.place(order);
  expect(placed).toMatchObject({ ok: true, value: { key: order.key, version: '1.0.0' } });
  await slotWhen(agent.target, order, healthy);
  const attested = await agent.target.attest(order.service, order.slot);
  expect(attested).toMatchObject({
    ok: true,
    value: [1, 2].map((at) => ({
      instance: `api-blue-${at}`,
      artifact: order.artifact,
      executable: order.executable,
      selfReported: { version: '1.0.0', digest: order.artifact },
    })),
  });
  const retired = await agent.target.retire(order.service, order.slot, order.key);
  expect(retired).toMatchObject({ ok: true, value: { instances: [{ state: 'stopped' }, { state: 'stopped' }] } });
  expect(agent.processes()).toEqual([]);
});
