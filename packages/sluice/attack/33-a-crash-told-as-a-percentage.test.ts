import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineRig, type EngineRig } from '../src/workflow/fixtures/engine-rig.ts';
import { until } from '../src/workflow/fixtures/world.ts';

const panic = 'panic: runtime error: index out of range [7] with length 3';

describe('33 · a crash is told as a percentage', () => {
  let rig: EngineRig;
  beforeAll(async () => {
    rig = await engineRig();
    for (const service of ['api', 'engine']) {
      const first = await rig.deploy(service, 'v1.0.0');
      await rig.reach(first, 'live');
    }
  });
  afterAll(() => rig[Symbol.asyncDispose]());

  const crash = (
    service: string,
    how: { readonly kind: 'code'; readonly code: number } | { readonly kind: 'signal'; readonly signal: string },
  ) => {
    const name = `${service}-green-1`;
    rig.edge.target.change(`staging/${service}`, 'green', name, {
      status: {
        name,
        state: 'healthy',
        pid: 77,
        restarts: 2,
        healthFailuresInARow: 0,
        lastExit: { how, at: 1, lastLines: ['started', panic, ''] },
      },
    });
  };

  /** A version whose requests fail because it crashes: the share is found first, the crash is the cause. */
  async function taken(
    service: string,
    ref: string,
    how: Parameters<typeof crash>[1],
  ): Promise<{ readonly because: string; readonly reasons: unknown }> {
    const next = await rig.deploy(service, ref);
    await until(
      'it is placed',
      async () => (await rig.edge.target.observe(`staging/${service}`, 'green')).ok && (await share(service)) > 0,
    );
    crash(service, how);
    rig.edge.bad.add(ref);
    const end = await rig.reach(next, 'reverted');
    const entries = await rig.engine.timeline({ chain: next.request.chainId, limit: 200 });
    const finished = entries.ok ? entries.value.find(({ entry }) => entry.type === 'rollout.finished') : undefined;
    return { because: end.kind === 'reverted' ? end.because : '', reasons: finished?.entry.reasons };
  }

  const share = async (service: string): Promise<number> => {
    const seen = await rig.edge.router.observe(`staging/${service}`);
    return seen.ok ? seen.value.weights.green : 0;
  };

  test('exit code, number of crashes and last words come first, then what it did to requests; the record has the codes and no words (I10)', async () => {
    const { because, reasons } = await taken('api', 'v1.1.0', { kind: 'code', code: 3 });
    expect(because).toMatch(/^api-green-1 crashed with exit code 3, 2 crashes in all, saying "panic: runtime error: .*"; errors /);
    expect(reasons).toEqual([{ code: 'crash', facts: { exitCode: 3, times: 2 } }, expect.objectContaining({ code: 'hard-errors' })]);
    expect(JSON.stringify(reasons)).not.toContain('panic');
  });

  test('a signal is told by its name', async () => {
    const { because, reasons } = await taken('engine', 'v1.2.0', { kind: 'signal', signal: 'SIGSEGV' });
    expect(because).toMatch(/^engine-green-1 crashed with signal SIGSEGV/);
    expect(reasons).toEqual([{ code: 'crash', facts: { signal: 'SIGSEGV', times: 2 } }, expect.objectContaining({ code: 'hard-errors' })]);
  });
});
