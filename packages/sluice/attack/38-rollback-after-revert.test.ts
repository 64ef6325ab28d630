import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RouterObservation } from '#rollout';
import { servingOf } from '../src/workflow/rollback.ts';
import { engineRig, rigAsker, type EngineRig } from '../src/workflow/fixtures/engine-rig.ts';

describe('38 · rollback after revert', () => {
  let rig: EngineRig;
  beforeAll(async () => {
    rig = await engineRig();
    for (const ref of ['v1.0.0', 'v2.0.0']) {
      const done = await rig.deploy('feed', ref);
      await rig.reach(done, 'live');
    }
    // v2 is live and v1 is kept warm: somebody goes back at the router.
    await rig.edge.router.revert('staging/feed', { id: 'by-hand', by: 'erin', reason: 'slow' });
    const all = await rig.engine.deployments({ service: 'feed', limit: 1 });
    if (all.ok) await rig.reach(all.value[0]!, 'reverted');
    if (all.ok) await rig.ends(all.value[0]!);
  });
  afterAll(() => rig[Symbol.asyncDispose]());

  const rollback = (to?: string, again?: string) =>
    rig.engine.rollback(
      { environment: 'staging', service: 'feed', ...(to === undefined ? {} : { to }), ...(again === undefined ? {} : { again }) },
      rigAsker,
    );

  test('what was reverted is not said to be live: it is named as taken back', async () => {
    const answer = await rollback('v2.0.0');
    expect(!answer.ok && answer.error.message).toMatch(/^feed v2\.0\.0 was taken back in staging/);
  });

  test('what the revert went to is live already, and is the only thing of which that is said', async () => {
    const answer = await rollback('v1.0.0');
    expect(!answer.ok && answer.error.message).toBe('feed v1.0.0 is live in staging already');
  });

  test('without a version the one before the live one is meant, never the one that was taken back', async () => {
    const answer = await rollback();
    expect(!answer.ok && answer.error.message).toBe('feed in staging has no earlier release');
  });

  test('with a reason the reverted release is rolled out again', async () => {
    const answer = await rollback('v2.0.0', 'the venue was at fault');
    if (!answer.ok) throw answer.error;
    await rig.reach(answer.value, 'live');
    const seen = await rig.edge.router.observe('staging/feed');
    expect(seen.ok && seen.value.latch).toBeUndefined();
  });

  test('where record and router differ, both are told and neither is called live', () => {
    const live = {
      environment: 'staging',
      service: 'feed',
      release: 'sha256:x',
      version: 'v2.0.0',
      deployment: 'd2',
      slot: 'green',
      since: '2026-12-01T00:00:00.000Z',
    } as never;
    const seen = {
      weights: { blue: 10_000, green: 0 },
      latch: { at: '2026-12-01T00:00:01.000Z', by: 'erin', reason: 'slow' },
    } as unknown as RouterObservation;
    expect(servingOf(live, { ok: true, value: seen })).toMatchObject({
      kind: 'differs',
      because: 'the record says that v2.0.0 is live on green; the router gives it 0 % and blue 100 %, reverted by erin: slow',
    });
    expect(servingOf(live, { ok: false, error: { kind: 'unreachable', message: 'gone' } })).toMatchObject({
      kind: 'unseen',
      because: 'gone',
    });
  });
});
