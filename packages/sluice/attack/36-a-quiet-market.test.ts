import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newIdentity, signApproval } from '#access';
import { blueGreen, get, probes, step, type Delivery } from '#define';

import { systemClock, systemIds } from '#host';
import { milliseconds, minutes, ok, percent, seconds } from '#kernel';
import { awaits } from '../src/server/rollout-progress.ts';
import { api, fakeEdge, until, type FakeEdge } from '../src/workflow/fixtures/world.ts';
import { foundersOf } from '../src/workflow/fixtures/people.ts';
import { engineRig, rigAsker, type EngineRig } from '../src/workflow/fixtures/engine-rig.ts';

/** Everything works, and nobody calls. */
function quietEdge(): FakeEdge {
  const edge = fakeEdge();
  return {
    ...edge,
    metrics: {
      sample: async (service, candidate) => {
        const [seen, placed] = await Promise.all([edge.router.observe(service), edge.target.observe(service, candidate)]);
        if (!seen.ok || !placed.ok) return { ok: false, error: { message: 'gone' } };
        return ok({ at: systemClock.monotonic(), counters: seen.value.counters, instances: placed.value.instances });
      },
    },
  };
}

const strategy = blueGreen({
  steps: [step(percent(5), milliseconds(200)), step(percent(100), milliseconds(200))],
  // oxlint-disable-next-line unicorn/no-thenable -- a word of the policy
  onInconclusive: { holdFor: minutes(5), then: 'revert' },
  keepWarm: milliseconds(100),
  drainWithin: seconds(1),
});
const probed = blueGreen({ ...strategy, minimumSample: 20, probes: probes({ requests: [get('/health')], perSecond: 50 }) });
const where = { environment: 'staging', service: 'api' } as const;
const names = ['api', 'held', 'gone', 'probed', 'failing'] as const;

const quiet: Delivery = {
  name: 'shop',
  jobs: {},
  gates: {},
  pipelines: {},
  services: Object.fromEntries(names.map((name) => [name, api])),
  environments: {
    staging: {
      services: Object.fromEntries(
        names.map((name) => [name, { strategy: name === 'probed' || name === 'failing' ? probed : strategy, env: {} }]),
      ),
      after: [],
    },
    guarded: { services: { api: { strategy, env: {} } }, approvals: { functions: ['risk'] }, after: [] },
  },
};

describe('36 · a quiet market', () => {
  let rig: EngineRig;
  beforeAll(async () => {
    rig = await engineRig({ delivery: quiet, edge: quietEdge() });
    for (const service of names) await rig.reach(await rig.deploy(service, 'v1.0.0'), 'live');
  });
  afterAll(() => rig[Symbol.asyncDispose]());

  const share = async (service: string): Promise<number> => {
    const seen = await rig.edge.router.observe(`staging/${service}`);
    return seen.ok ? seen.value.weights.green : -1;
  };
  const watched = async (service: string, ref: string) => {
    const deployment = await rig.deploy(service, ref);
    await until('it is watched at 5 %', async () => (await share(service)) === 500);
    return deployment;
  };
  const steered = async (chain: string) => {
    const entries = await rig.engine.timeline({ chain, limit: 200 });
    return entries.ok ? entries.value.map(({ entry }) => entry) : [];
  };

  test('whoever waits is told for what, how much of it, and for how long', async () => {
    const deployment = await watched('api', 'v1.1.0');
    const line = await until('its time is over', async () => {
      const { rollout } = await rig.seen(deployment);
      const told = rollout === undefined ? undefined : awaits(rollout);
      return told?.includes('waits up to') === true ? told : undefined;
    });
    expect(line).toMatch(/^watch at 5 %, 0 of 100 answers, waits up to \d+m( \d+s)? for more, then goes back$/);
  });

  test('a person may go on, says why, and the record says with how little evidence (I1)', async () => {
    const silent = await rig.engine.steer(where, { verb: 'promote', reason: '' }, rigAsker);
    expect(!silent.ok && silent.error.message).toContain('needs a reason');
    const machine = { ...rigAsker, actorRef: 'machine:3f2a9c1e-7b60-4f7e-9a55-0d5b8f1c2e77' };
    const refused = await rig.engine.steer(where, { verb: 'promote', reason: 'nightly' }, machine);
    expect(!refused.ok && refused.error.code).toBe('forbidden');
    expect(await share('api')).toBe(500);
    const promoted = await rig.engine.steer(where, { verb: 'promote', reason: 'the market is closed' }, rigAsker);
    if (!promoted.ok) throw promoted.error;
    await until('the next step', async () => (await share('api')) === 10_000);
    // One word is one step: the last one waits for its own.
    expect((await rig.seen(promoted.value)).deployment.state.kind).toBe('rolling-out');
    await rig.engine.steer(where, { verb: 'promote', reason: 'still closed' }, rigAsker);
    await rig.reach(promoted.value, 'live');
    const entries = await steered(promoted.value.request.chainId);
    expect(entries.filter(({ type }) => type === 'deployment.steered')).toHaveLength(2);
    const phases = entries.flatMap((entry) =>
      entry.type === 'rollout.phase-finished' && entry.body.phase === 'watch' ? [entry.reasons] : [],
    );
    expect(phases).toEqual([[expect.objectContaining({ code: 'promoted' })], [expect.objectContaining({ code: 'promoted' })]]);
    expect(JSON.stringify(entries)).not.toContain('closed');
  });

  test('a rollback to what was live here before asks for no sample', async () => {
    await until('the lane is free', async () => {
      const [last] = await lately('api');
      return last?.state.kind === 'live';
    });
    const back = await rig.engine.rollback({ ...where, to: 'v1.0.0' }, rigAsker);
    if (!back.ok) throw back.error;
    await rig.reach(back.value, 'live');
  });

  test('a rollout is held where it is, goes on when it is told so, and the hold outlives a pass', async () => {
    const deployment = await watched('held', 'v1.1.0');
    const at = { environment: 'staging', service: 'held' };
    const held = await rig.engine.steer(at, { verb: 'hold', reason: 'auction', for: minutes(30) }, rigAsker);
    expect(held.ok).toBe(true);
    await until('it is held', async () => {
      const { rollout } = await rig.seen(deployment);
      return rollout?.state.kind === 'running' && rollout.state.held?.reason === 'auction';
    });
    await rig.engine.steer(at, { verb: 'resume', reason: 'over' }, rigAsker);
    await until('it is free', async () => {
      const { rollout } = await rig.seen(deployment);
      return rollout?.state.kind === 'running' && rollout.state.held === undefined;
    });
    expect(await share('held')).toBe(500);
    expect((await rig.engine.steer(at, { verb: 'promote', reason: 'fine' }, rigAsker)).ok).toBe(true);
    await until('the next step', async () => (await share('held')) === 10_000);
  });

  test('an abort gives the traffic back and ends it; after that there is nothing to abort', async () => {
    const deployment = await watched('gone', 'v1.1.0');
    const at = { environment: 'staging', service: 'gone' };
    expect((await rig.engine.steer(at, { verb: 'abort', reason: 'wrong build' }, rigAsker)).ok).toBe(true);
    const end = await rig.reach(deployment, 'reverted');
    expect(end.kind === 'reverted' && end.because).toBe('asked by controller: wrong build');
    expect(await share('gone')).toBe(0);
    await rig.ends(deployment);
    const again = await rig.engine.steer(at, { verb: 'abort', reason: 'wrong build' }, rigAsker);
    expect(!again.ok && again.error.message).toContain('nothing of gone in staging waits or moves');
  });

  test('cancel does not take traffic away: it names the command that does', async () => {
    const at = { environment: 'staging', service: 'held' };
    const refused = await rig.engine.cancel(at, 'enough', rigAsker);
    expect(!refused.ok && [refused.error.code, refused.error.hint]).toEqual(['conflict', expect.stringContaining('sluice abort held')]);
    expect(await share('held')).toBe(10_000);
  });

  test('declared probes are evidence, counted apart and called probes in the record', async () => {
    const deployment = await rig.deploy('probed', 'v1.1.0');
    await rig.reach(deployment, 'live');
    const verdicts = (await steered(deployment.request.chainId)).flatMap((entry) => (entry.type === 'rollout.verdict' ? [entry] : []));
    expect(verdicts.map(({ body }) => body.samplesNew)).toEqual(verdicts.map(() => 0));
    for (const { reasons } of verdicts) expect(reasons).toEqual([expect.objectContaining({ code: 'probes' })]);
  });

  test('a version that fails our own requests is taken back though nobody calls it', async () => {
    const deployment = await rig.deploy('failing', 'v1.1.0');
    await until('it has traffic', async () => (await share('failing')) > 0);
    rig.edge.target.change('staging/failing', 'green', 'failing-green-1', { answers: () => ({ status: 500, body: '' }) });
    const end = await rig.reach(deployment, 'reverted');
    expect(end.kind === 'reverted' && end.because).toMatch(/probes failed: GET \/health answered 500 on failing-green-1, wanted 200/);
  });

  test('where approvals are asked for nobody goes on with less than was signed: it is held or aborted, not promoted (I1)', async () => {
    const [dana, erin] = ['dana', 'erin'].map((name, at) =>
      newIdentity({ id: systemIds.uuid(), name, emails: [`${name}@example.com`], functions: ['risk'] }, new Uint8Array(32).fill(at + 1)),
    );
    const founded = await rig.engine.register.found(foundersOf(dana!, erin!));
    if (!founded.ok) throw founded.error;
    const signed = async (ref: string) => {
      const deployment = await rig.deploy('api', ref, 'guarded');
      await rig.reach(deployment, 'waiting-approval');
      const { id } = deployment.request;
      const view = await rig.engine.approvalView(id);
      if (!view.ok) throw view.error;
      const statement = { subject: view.value.subject, expiresAt: systemClock.now() + 3_600_000 };
      const signature = signApproval(erin!.seed, { ...statement, deployment: id });
      const approved = await rig.engine.approve(id, { ...statement, person: erin!.person.id, signature }, 'request-2');
      if (!approved.ok) throw approved.error;
      return deployment;
    };
    await rig.reach(await signed('v1.0.0'), 'live');
    const next = await signed('v1.1.0');
    const at = { environment: 'guarded', service: 'api' };
    await until('it is watched', async () => {
      const seen = await rig.edge.router.observe('guarded/api');
      return seen.ok && seen.value.weights.green === 500;
    });
    const promoted = await rig.engine.steer(at, { verb: 'promote', reason: 'we are in a hurry' }, rigAsker);
    expect(!promoted.ok && [promoted.error.code, promoted.error.message]).toEqual([
      'forbidden',
      expect.stringMatching(
        /approved with the evidence that its strategy asks for \(0 of 100 answers, .*\); nobody can go on without it in guarded/,
      ),
    ]);
    expect((await rig.engine.steer(at, { verb: 'abort', reason: 'too quiet' }, rigAsker)).ok).toBe(true);
    await rig.reach(next, 'reverted');
  });

  async function lately(service: string) {
    const found = await rig.engine.deployments({ service, environment: 'staging', limit: 1 });
    return found.ok ? found.value : [];
  }
});
