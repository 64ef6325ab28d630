import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deepFreeze, SluiceError } from '#kernel';
import { deliveryOf, until } from '../src/workflow/fixtures/world.ts';
import { engineRig, rigAsker, type EngineRig } from '../src/workflow/fixtures/engine-rig.ts';

describe('7 · two grammars for one name, unexpected errors retried for ever', () => {
  let rig: EngineRig;
  const odd = { 'a.b': true, constructor: true };
  const places = ['bug', 'away', 'slow', 'late', ...Object.keys(odd)];
  /** Throws at a named place for a service, as a bug or a damaged row would. */
  const poison = new Map<string, { readonly during: string; readonly error: Error; tries: number }>();
  let pipelineEnded = false;

  beforeAll(async () => {
    rig = await engineRig({
      delivery: deepFreeze(deliveryOf(places)),
      trigger: (point, during, service) => {
        const bad = poison.get(service);
        if (bad === undefined || point !== 'before-effect' || bad.during !== during) return;
        bad.tries += 1;
        throw bad.error;
      },
      ports: (ports) => ({
        pipelines: {
          run: async (order) => {
            const [tag = ''] = order.commit.tags;
            if (tag !== 'v7.7.7') {
              const outcome = await ports.pipelines.run(order);
              if (!outcome.ok) return outcome;
              // Every commit holds all services, and only one of them holds those with odd names.
              const named = Object.entries(outcome.value.services).filter(([name]) => Object.hasOwn(odd, name) === (tag === 'v8.0.0'));
              return { ok: true, value: { ...outcome.value, services: Object.fromEntries(named) } };
            }
            await new Promise((resolve) => order.signal.addEventListener('abort', resolve, { once: true }));
            pipelineEnded = true;
            return { ok: false, error: new SluiceError('jobFailed', 'stopped') };
          },
        },
      }),
    });
  });
  afterAll(() => rig[Symbol.asyncDispose]());

  const failed = async (service: string, ref: string) => {
    const deployment = await rig.deploy(service, ref);
    return until(`${service} gives up by itself`, async () => {
      const { state } = (await rig.seen(deployment)).deployment;
      return state.kind === 'failed' ? state : undefined;
    });
  };

  test.each(['requested', 'judged', 'approved'])(
    'a deployment that throws while it is %s ends by itself with its reason, after few tries',
    async (during) => {
      const error = new TypeError("Cannot read properties of undefined (reading 'length')");
      poison.set('bug', { during, error, tries: 0 });
      const { error: told } = await failed('bug', `v1.0.${['requested', 'judged', 'approved'].indexOf(during)}`);
      const tries = poison.get('bug')?.tries ?? 0;
      poison.delete('bug');
      expect(told.message).toBe(`gave up after 5 tries: ${error.message}`);
      expect([told.code, tries]).toEqual(['internal', 5]);
      const [line] = rig.warnings.filter((warning) => warning.includes(error.message));
      expect(line).toContain('try 1');
    },
  );

  test('the lane is free again: the next deployment of the same service goes in', async () => {
    await rig.reach(await rig.deploy('bug', 'v1.0.0'), 'live');
  });

  test.each(Object.keys(odd))(
    'a service called %s, whose entries cannot be written as they are, ends too and is recorded',
    async (service) => {
      // Definitions are refused before they get here; a row from before that must end all the same.
      const deployment = await rig.deploy(service, 'v1.0.0');
      const end = await until('it ends', async () => {
        const { state } = (await rig.seen(deployment)).deployment;
        return ['failed', 'live'].includes(state.kind) ? state : undefined;
      });
      const entries = await rig.engine.timeline({ chain: deployment.request.chainId, limit: 50 });
      const types = entries.ok ? entries.value.map(({ entry }) => entry.type) : [];
      expect(end.kind === 'live' ? types.includes('rollout.committed') : types.includes('deployment.cancelled')).toBe(true);
    },
  );

  test('what is only away is waited for, shown, and can be cancelled', async () => {
    poison.set('away', { during: 'requested', error: new SluiceError('unavailable', 'the agent does not answer'), tries: 0 });
    const deployment = await rig.deploy('away', 'v1.0.0');
    await until('it was tried more often than a bug is', async () => (poison.get('away')?.tries ?? 0) > 6);
    const seen = await rig.seen(deployment);
    expect(seen.deployment.state.kind).toBe('requested');
    expect(seen.setback).toMatchObject({ kind: 'waits', message: 'the agent does not answer' });
    const cancelled = await rig.engine.cancel({ deployment: deployment.request.id }, 'not worth waiting for', rigAsker);
    expect(cancelled.ok && cancelled.value.state).toMatchObject({ kind: 'cancelled', by: 'controller', because: 'not worth waiting for' });
  });

  test('what was away goes on when it is back', async () => {
    const deployment = await rig.deploy('away', 'v1.0.1');
    await until('it waits', async () => (await rig.seen(deployment)).setback?.kind === 'waits');
    poison.delete('away');
    await rig.reach(deployment, 'live');
    expect((await rig.seen(deployment)).setback).toBeUndefined();
  });

  test('a rollout whose turns throw while it has traffic takes it back and ends, by itself', async () => {
    await rig.reach(await rig.deploy('late', 'v1.0.0'), 'live');
    poison.set('late', { during: 'watch', error: new RangeError('no such phase'), tries: 0 });
    const deployment = await rig.deploy('late', 'v1.1.0');
    const end = await until('it ends', async () => {
      const { state } = (await rig.seen(deployment)).deployment;
      return state.kind === 'reverted' || state.kind === 'failed' ? state : undefined;
    });
    poison.delete('late');
    expect(JSON.stringify(end)).toContain('gave up after 5 tries: no such phase');
    const routed = await rig.edge.router.observe('staging/late');
    expect(routed.ok && routed.value.weights.green).toBe(0);
    await rig.reach(await rig.deploy('late', 'v1.2.0'), 'live');
  });

  test('a running pipeline ends with its deployment when somebody cancels it', async () => {
    const deployment = await rig.deploy('slow', 'v7.7.7');
    await rig.reach(deployment, 'running');
    const cancelled = await rig.engine.cancel({ service: 'slow', environment: 'staging' }, 'wrong commit', rigAsker);
    expect(cancelled.ok).toBe(true);
    await until('the pipeline was told', async () => pipelineEnded);
    expect((await rig.seen(deployment)).deployment.state.kind).toBe('cancelled');
    await rig.reach(await rig.deploy('slow', 'v1.0.0'), 'live');
  });
});
