import { afterAll, beforeAll, expect, test } from 'vitest';
import { newIdentity, type Identity } from '#access';
import { systemIds } from '#host';
import { digestOf, ok, type Isolation } from '#kernel';
import { engineRig, type EngineRig } from './fixtures/engine-rig.ts';
import { foundersOf } from './fixtures/people.ts';
import { until } from './fixtures/world.ts';

const people = (['risk', 'trading'] as const).map((name, at) =>
  newIdentity(
    { id: systemIds.uuid(), name, emails: [at === 0 ? 'dana@example.com' : 'x@example.com'], functions: [name] },
    new Uint8Array(32).fill(at + 1),
  ),
) as [Identity, Identity];

let rig: EngineRig;
/** How the machine ran the jobs of each run, in turn. */
const ran: Isolation[] = ['none', 'none', 'bubblewrap'];
let runs = 0;
beforeAll(async () => {
  rig = await engineRig({
    ports: ({ pipelines }) => ({
      // The same files give the same archive, whichever run made them.
      artifacts: { build: async ({ name }) => ok({ artifact: digestOf(name), archive: `/archives/${name}` }) },
      pipelines: {
        run: async (order) => {
          const outcome = await pipelines.run(order);
          const isolation = ran[runs] ?? 'none';
          runs += 1;
          return outcome.ok ? { ...outcome, value: { ...outcome.value, isolation } } : outcome;
        },
      },
    }),
  });
  expect(await rig.engine.register.found(foundersOf(...people))).toEqual({ ok: true, value: 'founded' });
});
afterAll(async () => rig[Symbol.asyncDispose]());

test('a release that was made without a sandbox is made again where there is one, and only that enters where approvals are asked for', async () => {
  await rig.reach(await rig.deploy('api', 'v1.0.0'), 'live');
  const refused = await rig.deploy('api', 'v1.0.0', 'production');
  const said = await until('the deployment has failed', async () => {
    const { state } = (await rig.seen(refused)).deployment;
    return state.kind === 'failed' ? state.error.message : undefined;
  });
  expect(said).toBe('api does not go to production, which asks for approvals: it was built without a sandbox');
  await rig.reach(await rig.deploy('api', 'v1.0.0', 'production'), 'waiting-approval');
  expect(runs).toBe(3);
});
