import { expect, test } from 'vitest';
import { digestOf, milliseconds, percent, seconds, SimulatedClock } from '#kernel';
import { FakeRouter, FakeTarget, planRollout, unwatched, type SlotOrder } from '#rollout';
import { type EffectContext, perform } from './rollout-effects.ts';

const service = 'production/api';
const plan = planRollout({
  deployment: 'd1',
  service,
  release: digestOf('release'),
  version: 'v2',
  artifact: digestOf('artifact'),
  executable: FakeTarget.executable('api'),
  candidate: 'green',
  instances: 1,
  smoke: [],
  policy: {
    kind: 'blue-green',
    steps: [{ weight: percent(5), watch: seconds(1) }],
    triggers: [],
    minimumSample: 1,
    onInconclusive: { holdFor: seconds(1), then: 'revert' },
    keepWarm: seconds(1),
    drainWithin: seconds(1),
  },
});
const order: SlotOrder = {
  key: plan.deployment,
  service,
  slot: plan.candidate,
  version: plan.version,
  artifact: plan.artifact,
  archive: '/archive',
  executable: plan.executable,
  start: ['api'],
  instances: 1,
  env: {},
  secrets: [],
  folders: {},
  health: { kind: 'connect', interval: milliseconds(100), timeout: milliseconds(100), rise: 1, fall: 3 },
  startWithin: milliseconds(300),
  stopWithin: milliseconds(300),
};

/** A placed slot, and what `verify` needs to look at it. */
async function placed(target: FakeTarget): Promise<EffectContext> {
  const clock = new SimulatedClock();
  await target.place(order);
  return {
    rollout: {
      id: 'r1',
      deployment: plan.deployment,
      environment: 'production',
      version: 1,
      plan,
      order,
      state: { kind: 'running', epoch: 1, at: 0, watch: unwatched },
      startedAt: '2026-01-01T00:00:00.000Z',
    },
    target,
    router: new FakeRouter(clock),
    metrics: { sample: () => Promise.reject(new Error('verify measures no traffic')) },
    clock: {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      sleep: async (ms) => {
        await clock.advance(ms);
      },
    },
    signal: new AbortController().signal,
    late: () => false,
    asked: () => undefined,
  };
}

/** An agent that sees healthy instances and cannot measure them, the first `times` times. */
class Unmeasurable extends FakeTarget {
  looks = 0;
  readonly #times: number;

  constructor(times: number) {
    super();
    this.#times = times;
  }

  override async attest(...which: Parameters<FakeTarget['attest']>): ReturnType<FakeTarget['attest']> {
    this.looks += 1;
    if (this.looks > this.#times) return super.attest(...which);
    return { ok: false, error: { kind: 'refused', message: 'api-green-1: cannot be measured: permission denied' } };
  }
}

test('instances that are healthy and can never be measured are not verified: no weight moves to them (I1, I6)', async () => {
  const target = new Unmeasurable(Infinity);
  expect(await perform(await placed(target), { kind: 'verify' })).toEqual({
    kind: 'step-failed',
    problem: { kind: 'attestation', message: 'api-green-1: cannot be measured: permission denied' },
  });
  expect(target.looks).toBeGreaterThan(1);
});

test('an instance that ended between two looks is measured when it is back (I6)', async () => {
  const target = new Unmeasurable(2);
  expect(await perform(await placed(target), { kind: 'verify' })).toMatchObject({ kind: 'verified', smoke: [] });
  expect(target.looks).toBe(3);
});

test('instances that never get healthy are told as such, not as unmeasured', async () => {
  const target = new Unmeasurable(Infinity);
  const context = await placed(target);
  target.change(service, 'green', 'api-green-1', {
    status: { name: 'api-green-1', state: 'starting', restarts: 0, healthFailuresInARow: 0 },
  });
  expect(await perform(context, { kind: 'verify' })).toMatchObject({ kind: 'verified', instances: [{ state: 'starting' }] });
  expect(target.looks).toBe(0);
});

test('R-ROLL-06: a revert before any weight was moved ends with what the router shows, and is not asked for ever', async () => {
  const context = await placed(new FakeTarget());
  await context.router.declare(service, { traffic: 'request' });
  await context.router.takeEpoch(service, 0);
  const done = await perform(context, { kind: 'revert', service, id: 'd1-revert', by: 'sluice', reason: 'changed on disk' });
  expect(done).toMatchObject({ kind: 'revert-observed', weights: { green: 0 } });
});
