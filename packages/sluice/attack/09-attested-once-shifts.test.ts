import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf } from '#kernel';
import { engineRig, type EngineRig } from '../src/workflow/fixtures/engine-rig.ts';
import { until } from '../src/workflow/fixtures/world.ts';

describe('9 · attested once', () => {
  let rig: EngineRig;
  beforeAll(async () => {
    rig = await engineRig();
  });
  afterAll(() => rig[Symbol.asyncDispose]());

  const tamper = (service: `${string}/${string}`) =>
    rig.edge.target.change(service, 'green', `${service.split('/')[1] ?? ''}-green-1`, { artifact: digestOf('changed tree') });

  const share = async (service: `${string}/${string}`): Promise<number> => {
    const seen = await rig.edge.router.observe(service);
    return seen.ok ? seen.value.weights.green : 0;
  };

  test('a tree that is changed after it got its first traffic gets no more of it, and is taken back (I6)', async () => {
    const old = await rig.deploy('api', 'v1.0.0');
    await rig.reach(old, 'live');
    await rig.ends(old);
    const next = await rig.deploy('api', 'v1.1.0');
    await until('the new version has its first traffic', async () => (await share('staging/api')) > 0);
    tamper('staging/api');
    let most = 0;
    const end = await until('it ends', async () => {
      most = Math.max(most, await share('staging/api'));
      const { state } = (await rig.seen(next)).deployment;
      return ['live', 'reverted', 'failed'].includes(state.kind) ? state : undefined;
    });
    expect([end.kind, most]).toEqual(['reverted', 500]);
    expect(end.kind === 'reverted' && end.because).toMatch(/attest: api-green-1 runs artifact .*, approved is/);
  });

  test('a tree that is changed when it has all traffic is not committed to: the old version is never stopped for it (I6, I9)', async () => {
    const old = await rig.deploy('engine', 'v1.0.0');
    await rig.reach(old, 'live');
    await rig.ends(old);
    const next = await rig.deploy('engine', 'v1.1.0');
    await until('the new version has all traffic', async () => (await share('staging/engine')) === 10_000);
    tamper('staging/engine');
    const end = await until('it ends', async () => {
      const { state } = (await rig.seen(next)).deployment;
      return ['live', 'reverted', 'failed'].includes(state.kind) ? state : undefined;
    });
    expect(end.kind).toBe('reverted');
    expect(await share('staging/engine')).toBe(0);
  });
});
