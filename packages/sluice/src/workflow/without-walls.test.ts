import { afterAll, beforeAll, expect, test } from 'vitest';
import { newIdentity, signChange, type Identity, type RegisterChange } from '#access';
import { systemClock, systemIds } from '#host';
import type { Deployment } from './deployment.ts';
import { engineRig, type EngineRig } from './fixtures/engine-rig.ts';
import { foundersOf } from './fixtures/people.ts';
import { until } from './fixtures/world.ts';
import { reasonDigest } from './index.ts';

const [identity, other] = (['risk', 'trading'] as const).map((name, at) =>
  newIdentity(
    { id: systemIds.uuid(), name, emails: [`${name}@example.com`, ...(at === 0 ? ['dana@example.com'] : [])], functions: [name] },
    new Uint8Array(32).fill(at + 1),
  ),
) as [Identity, Identity];

let rig: EngineRig;
let runs = 0;
beforeAll(async () => {
  rig = await engineRig({
    ports: ({ pipelines }) => ({
      isolation: 'none',
      pipelines: {
        run: async (order) => {
          runs += 1;
          return pipelines.run(order);
        },
      },
    }),
  });
  expect(await rig.engine.register.found(foundersOf(identity, other))).toEqual({ ok: true, value: 'founded' });
});
afterAll(async () => rig[Symbol.asyncDispose]());

const failed = async (deployment: Deployment): Promise<string> =>
  until('the deployment has failed', async () => {
    const { state } = (await rig.seen(deployment)).deployment;
    return state.kind === 'failed' ? `${state.error.code}: ${state.error.message} → ${state.error.hint}` : undefined;
  });

test('on a machine without a sandbox, an environment that asks for approvals takes no commit: nothing of it is run', async () => {
  expect(await failed(await rig.deploy('api', 'v1.0.0', 'production'))).toBe(
    'conflict: api does not go to production, which asks for approvals: this machine has no sandbox for what a commit brings → ' +
      'sluice doctor says what is in the way; for a while: sluice lease grant sandbox --environment production --reason "…"',
  );
  expect(runs).toBe(0);
});

test('one that asks for none goes on; and what was built for it does not get further', async () => {
  const staging = await rig.deploy('api', 'v1.0.0');
  await rig.reach(staging, 'live');
  expect(runs).toBe(1);
  expect(await failed(await rig.deploy('api', 'v1.0.0', 'production'))).toMatch(/^conflict: api does not go to production/);
});

test('a person with that right lowers it for a while, and then it waits for signatures as usual (I8)', async () => {
  const view = await rig.engine.register.view();
  if (!view.ok) throw view.error;
  const { plane, register } = view.value;
  const said = { text: 'no namespaces here yet', salt: '0'.repeat(32) };
  const expiresAt = systemClock.now() + 3_600_000;
  const lease = {
    leaseRef: systemIds.next(),
    lowers: 'sandbox',
    environment: 'production',
    expiresAt,
    reasonDigest: reasonDigest(said),
  } as const;
  const change: RegisterChange = { kind: 'grant-lease', lease };
  const confirmation = signChange(
    { personRef: identity.person.id, seed: identity.seed },
    { plane, version: register.version },
    change,
    systemClock.now() + 60_000,
  );
  const principal = { kind: 'person', person: identity.person.id, rights: ['lower-safety'] } as const;
  expect(await rig.engine.register.submit({ change, reason: said, confirmation }, principal, 'request-2')).toMatchObject({
    ok: true,
    value: { kind: 'applied' },
  });
  await until('the lease is in the signed record', async () => {
    const now = await rig.engine.register.view();
    return now.ok && now.value.register.leases.size > 0;
  });
  await rig.reach(await rig.deploy('api', 'v1.0.0', 'production'), 'waiting-approval');
});
