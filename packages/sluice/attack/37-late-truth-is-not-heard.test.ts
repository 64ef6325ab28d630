import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Delivery } from '#define';
import { systemClock } from '#host';
import { minutes } from '#kernel';
import { delivery, until } from '../src/workflow/fixtures/world.ts';
import { engineRig, rigAsker, type EngineRig } from '../src/workflow/fixtures/engine-rig.ts';

const staging = delivery.environments['staging']!;
const chain: Delivery = {
  ...delivery,
  environments: {
    staging,
    production: { services: staging.services, after: ['staging'] },
    careful: { services: staging.services, after: ['staging'], wellFor: minutes(60) },
  },
};

describe('37 · late truth is not heard', () => {
  let rig: EngineRig;
  beforeAll(async () => {
    rig = await engineRig({ delivery: chain });
    for (const service of ['api', 'engine']) {
      const first = await rig.deploy(service, 'v1.0.0');
      await rig.reach(first, 'live');
      await rig.ends(first);
    }
  });
  afterAll(() => rig[Symbol.asyncDispose]());

  const crashed = (service: string, at: number, state: 'healthy' | 'exited' = 'healthy') => {
    const name = `${service}-blue-1`;
    const lastExit = { how: { kind: 'code', code: 3 }, at, lastLines: ['panic'] } as const;
    rig.edge.target.change(`staging/${service}`, 'blue', name, {
      status: { name, state, pid: 9, restarts: 5, healthFailuresInARow: 0, lastExit },
    });
  };

  test('a release that crash-loops in staging after it went live does not enter production, however healthy it looks between two crashes', async () => {
    crashed('api', systemClock.now());
    const next = await rig.deploy('api', 'v1.0.0', 'production');
    const waiting = await until('it says what it waits for', async () => {
      const { state } = (await rig.seen(next)).deployment;
      return state.kind === 'approved' && state.awaits !== undefined ? state.awaits : undefined;
    });
    expect(waiting).toMatch(
      /api has to be well in staging first: api-blue-1 ended with exit code 3 at .*; it counts as well after 1m without that/,
    );
    expect(rig.edge.target.started.filter((line) => line.startsWith('production/api'))).toEqual([]);
  });

  test('it enters by itself once staging was well for long enough', async () => {
    crashed('api', systemClock.now() - minutes(2));
    const [waiting] = await active('api');
    await rig.reach(waiting!, 'live');
  });

  test('live for a declared time means that time: what went live a moment ago waits, and can be cancelled', async () => {
    const next = await rig.deploy('engine', 'v1.0.0', 'careful');
    await until('it waits', async () => {
      const { state } = (await rig.seen(next)).deployment;
      return state.kind === 'approved' && state.awaits?.includes('has to be well for 1h');
    });
    expect((await rig.engine.cancel({ deployment: next.request.id }, 'tomorrow', rigAsker)).ok).toBe(true);
    expect((await rig.seen(next)).deployment.state.kind).toBe('cancelled');
  });

  test('whose router gives it no traffic in staging is not well there, whatever the rows say', async () => {
    const next = await rig.deploy('engine', 'v1.1.0');
    await rig.reach(next, 'live');
    await rig.edge.router.revert('staging/engine', { id: 'by-hand', by: 'erin', reason: 'late fault' });
    await rig.reach(next, 'reverted');
    const refused = await rig.deploy('engine', 'v1.1.0', 'production');
    const end = await until('it is refused', async () => {
      const { state } = (await rig.seen(refused)).deployment;
      return state.kind === 'failed' ? state : undefined;
    });
    expect(end.error.message).toContain('it is not live in staging');
  });

  test('what was taken back a moment ago is named when it is asked for again, at once', async () => {
    const again = await rig.deploy('engine', 'v1.1.0').catch((error: unknown) => error);
    expect(again).toMatchObject({
      code: 'conflict',
      message: expect.stringMatching(
        /^engine v1\.1\.0 was taken back in staging at .*: reverted at the router by erin: late fault$/,
      ) as unknown,
      hint: expect.stringContaining('--again') as unknown,
    });
    const other = await rig.engine.rollback({ environment: 'staging', service: 'engine', to: 'v1.1.0' }, rigAsker);
    expect(!other.ok && other.error.message).toContain('was taken back in staging');
  });

  test('with a reason it comes again, and the record says who wanted that', async () => {
    const asked = await rig.engine.requestDeployment(
      { services: ['engine'], environment: 'staging', ref: 'v1.1.0', pipeline: 'default', again: 'the venue was at fault' },
      rigAsker,
    );
    if (!asked.ok) throw asked.error;
    await rig.reach(asked.value[0]!, 'live');
    const entries = await rig.engine.timeline({ chain: asked.value[0]!.request.chainId, limit: 50 });
    const steered = entries.ok ? entries.value.flatMap(({ entry }) => (entry.type === 'deployment.steered' ? [entry] : [])) : [];
    expect(steered.map(({ actorRef, body }) => [actorRef, body.verb])).toEqual([['controller', 'again']]);
    expect(JSON.stringify(entries)).not.toContain('venue');
    expect(await rig.ends(asked.value[0]!)).toBe('succeeded');
  });

  async function active(service: string) {
    const found = await rig.engine.deployments({ service, environment: 'production', active: true, limit: 1 });
    return found.ok ? found.value : [];
  }
});
