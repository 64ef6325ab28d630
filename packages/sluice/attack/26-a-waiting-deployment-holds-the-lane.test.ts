import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newIdentity } from '#access';
import type { Delivery } from '#define';
import { systemIds } from '#host';
import { delivery } from '../src/workflow/fixtures/world.ts';
import { foundersOf } from '../src/workflow/fixtures/people.ts';
import { engineRig, rigAsker, type EngineRig } from '../src/workflow/fixtures/engine-rig.ts';

const staging = delivery.environments['staging']!;
/** Production asks for signatures, and for nothing before it. */
const asking: Delivery = { ...delivery, environments: { production: { ...staging, approvals: { functions: ['risk', 'trading'] } } } };

describe('26 · a waiting deployment holds the lane for a week', () => {
  let rig: EngineRig;
  beforeAll(async () => {
    rig = await engineRig({ delivery: asking });
    // Who wrote the commits is known, so that they wait for approval.
    const people = ['dana', 'erin', 'finn'].map((name, at) =>
      newIdentity(
        { id: systemIds.uuid(), name, emails: [`${name}@example.com`], functions: at === 2 ? ['trading'] : ['risk'] },
        new Uint8Array(32).fill(at + 1),
      ),
    );
    const founded = await rig.engine.register.found(foundersOf(...people));
    if (!founded.ok) throw founded.error;
  });
  afterAll(() => rig[Symbol.asyncDispose]());

  const routing = async () => {
    const seen = await rig.edge.router.observe('production/api');
    return seen.ok ? [seen.value.weights, seen.value.latch] : [];
  };

  test('it is cancelled by its service or its id, with who and why, and nothing that runs changes', async () => {
    for (const target of ['service', 'id'] as const) {
      const before = await routing();
      const waiting = await rig.deploy('api', 'v3.0.0', 'production');
      await rig.reach(waiting, 'waiting-approval');
      const named = target === 'id' ? { deployment: waiting.request.id } : { environment: 'production', service: 'api' };
      const cancelled = await rig.engine.cancel(named, 'it has a mistake', rigAsker);
      expect(cancelled.ok && cancelled.value.state).toMatchObject({ kind: 'cancelled', because: 'it has a mistake', by: 'controller' });
      const entries = await rig.engine.timeline({ chain: waiting.request.chainId, limit: 50 });
      const ends = entries.ok
        ? entries.value.map(({ entry }) => entry).filter(({ type }) => type === 'deployment.steered' || type === 'deployment.cancelled')
        : [];
      expect(ends.map(({ type, actorRef }) => [type, actorRef])).toEqual([
        ['deployment.steered', 'controller'],
        ['deployment.cancelled', 'controller'],
      ]);
      expect(JSON.stringify(ends)).not.toContain('mistake');
      expect(await routing()).toEqual(before);
      expect(rig.edge.target.started).toEqual([]);
    }
  });

  test('the refusal of a second deployment names a command that ends the first, and none that moves production', async () => {
    const waiting = await rig.deploy('api', 'v3.0.0', 'production');
    await rig.reach(waiting, 'waiting-approval');
    const refused = await rig.deploy('api', 'v3.1.0', 'production').catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'conflict', message: expect.stringContaining('is waiting-approval') as unknown });
    const { hint = '' } = refused as { hint?: string };
    expect(hint).toContain(`sluice cancel ${waiting.request.id}`);
    expect(hint).toContain('--supersede');
    expect(hint).not.toContain('revert');
  });

  test('status knows what waits, for whom, since when, and who asked', async () => {
    const views = await rig.engine.services();
    const view = views.ok ? views.value.find(({ service }) => service === 'api') : undefined;
    expect(view?.deployment?.state).toMatchObject({
      kind: 'waiting-approval',
      missing: ['risk', 'trading'],
      since: expect.stringMatching(/^\d{4}-/) as unknown,
    });
  });

  test('a newer one takes the place of one that only waits when it is asked to, in one moment', async () => {
    const asked = await rig.engine.requestDeployment(
      { services: ['api'], environment: 'production', ref: 'v3.2.0', pipeline: 'default', supersede: true },
      rigAsker,
    );
    expect(asked.ok).toBe(true);
    const all = await rig.engine.deployments({ service: 'api', environment: 'production', limit: 10 });
    const states = all.ok ? all.value.map(({ request, state }) => [request.wanted, state.kind]) : [];
    expect(states.filter(([, kind]) => kind !== 'cancelled')).toHaveLength(1);
    if (asked.ok) await rig.reach(asked.value[0]!, 'waiting-approval');
  });

  test('without a reason nothing is cancelled, and what has ended is not cancelled again', async () => {
    const silent = await rig.engine.cancel({ environment: 'production', service: 'api' }, '  ', rigAsker);
    expect(!silent.ok && silent.error.message).toContain('needs a reason');
    await rig.engine.cancel({ environment: 'production', service: 'api' }, 'enough', rigAsker);
    const [twice, unknown] = await Promise.all([
      rig.engine.cancel({ environment: 'production', service: 'api' }, 'enough', rigAsker),
      rig.engine.cancel({ deployment: '01NOBODY' }, 'enough', rigAsker),
    ]);
    expect([!twice.ok && twice.error.code, !unknown.ok && unknown.error.code]).toEqual(['conflict', 'notFound']);
  });

  test('ten people who cancel at once end it once', async () => {
    const waiting = await rig.deploy('engine', 'v3.0.0', 'production');
    await rig.reach(waiting, 'waiting-approval');
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => rig.engine.cancel({ deployment: waiting.request.id }, 'enough', rigAsker)),
    );
    expect(answers.filter(({ ok }) => ok)).toHaveLength(1);
    const entries = await rig.engine.timeline({ chain: waiting.request.chainId, limit: 50 });
    expect(entries.ok && entries.value.filter(({ entry }) => entry.type === 'deployment.cancelled')).toHaveLength(1);
  });
});
