import { basisPoints, type Result } from '#kernel';
import type { JournaledRevert, Router, RouterEndpoints, RouterObservation, RouterRefusal, ServiceKey, Weights } from './ports.ts';

/** A router under test, and how to let it die and come back with what it kept. */
export type RouterRig = { readonly router: Router & RouterEndpoints; readonly restart: () => Promise<void> };

/** One promise of the `Router` port: the sentence that names it, and the proof, which throws when it does not hold. */
export type RouterClause = { readonly name: string; readonly prove: (rig: RouterRig) => Promise<void> };

const api: ServiceKey = 'production/api';
const split = (green: number): Weights => ({ blue: basisPoints(10_000 - green), green: basisPoints(green) });
const why = (id: string): { readonly id: string; readonly by: string; readonly reason: string } => ({ id, by: 'ada', reason: 'errors' });

/** What every router must hold, run against each of them and against the fake: no test framework, so that any can drive it. */
export const routerContract: readonly RouterClause[] = [
  {
    name: 'a declared service has a port, epoch 0 and no weight; declared again it is the same',
    prove: async ({ router }) => {
      const first = must(await router.declare(api, { traffic: 'request' }));
      same('epoch', first.epoch, 0);
      same('weights', first.weights, { blue: 0, green: 0 });
      same('listen', first.listen.port > 0, true);
      same('declared again', must(await router.declare(api, { traffic: 'request' })).listen, first.listen);
    },
  },
  {
    name: 'a service that was never declared is unknown to every command',
    prove: async ({ router }) => {
      const key = 'production/nobody' as const;
      const answers = [
        await router.takeEpoch(key, 0),
        await router.route(key, { epoch: 0, weights: split(0) }),
        await router.revert(key, why('r1')),
        await router.observe(key),
        await router.setEndpoints(key, 'blue', { key: 'k', endpoints: [] }),
      ];
      for (const answer of answers) same('refusal', refused(answer).kind, 'unknown-service');
    },
  },
  {
    name: 'a port that another service holds is refused with the port (port-in-use)',
    prove: async ({ router }) => {
      const { listen } = must(await router.declare(api, { traffic: 'request' }));
      const refusal = refused(await router.declare('production/other', { traffic: 'request', port: listen.port }));
      same('refusal', refusal, { kind: 'port-in-use', port: listen.port });
      same('the other service', refused(await router.observe('production/other')).kind, 'unknown-service');
    },
  },
  {
    name: 'I14: of takers who saw the same epoch one wins, the others are stale (D11)',
    prove: async ({ router }) => {
      must(await router.declare(api, { traffic: 'request' }));
      const answers = await Promise.all(Array.from({ length: 8 }, () => router.takeEpoch(api, 0)));
      const won = answers.filter((answer) => answer.ok);
      same('winners', won.length, 1);
      for (const answer of answers) if (!answer.ok) same('refusal', answer.error, { kind: 'stale-epoch', epoch: 1 });
      same('epoch', must(await router.observe(api)).epoch, 1);
    },
  },
  {
    name: 'I14: weight moves under the own epoch only, and the same order again changes nothing',
    prove: async ({ router }) => {
      const epoch = await begun(router);
      const refusal = refused(await router.route(api, { epoch: epoch - 1, weights: split(10_000) }));
      same('older epoch', refusal, { kind: 'stale-epoch', epoch });
      same('newer epoch', refused(await router.route(api, { epoch: epoch + 1, weights: split(10_000) })).kind, 'stale-epoch');
      const once = must(await router.route(api, { epoch, weights: split(500), revertTo: 'blue' }));
      const twice = must(await router.route(api, { epoch, weights: split(500), revertTo: 'blue' }));
      for (const { weights, revertTo } of [once, twice, must(await router.observe(api))]) {
        same('weights and way back', { weights, revertTo }, { weights: split(500), revertTo: 'blue' });
      }
    },
  },
  {
    name: 'weights that are no split of all or of none are a mistake of the program, and change nothing',
    prove: async ({ router }) => {
      const epoch = await begun(router);
      const weights = { blue: basisPoints(9_000), green: basisPoints(500) };
      const thrown = await router.route(api, { epoch, weights }).then(
        () => 'nothing',
        () => 'an error',
      );
      same('thrown', thrown, 'an error');
      same('weights', must(await router.observe(api)).weights, { blue: 0, green: 0 });
    },
  },
  {
    name: 'an order without a way back takes the old one away',
    prove: async ({ router }) => {
      const epoch = await begun(router);
      must(await router.route(api, { epoch, weights: split(500), revertTo: 'blue' }));
      same('revertTo', must(await router.route(api, { epoch, weights: split(0) })).revertTo, undefined);
      same('revert', refused(await router.revert(api, why('r1'))).kind, 'nothing-to-revert-to');
    },
  },
  {
    name: 'I2, I14: a revert takes all traffic back, raises the epoch and latches; a second one changes nothing',
    prove: async ({ router }) => {
      const epoch = await begun(router);
      must(await router.route(api, { epoch, weights: split(5_000), revertTo: 'blue' }));
      const reverted = must(await router.revert(api, why('r1')));
      same('weights', reverted.weights, split(0));
      same('epoch raised', reverted.epoch > epoch, true);
      same('latch', { by: reverted.latch?.by, reason: reverted.latch?.reason }, { by: 'ada', reason: 'errors' });
      const again = must(await router.revert(api, why('r2')));
      same('second revert', [again.epoch, again.weights, again.latch], [reverted.epoch, reverted.weights, reverted.latch]);
      same('reverts', (await reverts(router)).length, 1);
    },
  },
  {
    name: 'I14: a latch holds against every epoch until a new rollout takes one; a controller of before stays out for ever',
    prove: async ({ router }) => {
      const old = await begun(router);
      must(await router.route(api, { epoch: old, weights: split(5_000), revertTo: 'blue' }));
      const { epoch } = must(await router.revert(api, why('r1')));
      same('old epoch', refused(await router.route(api, { epoch: old, weights: split(10_000) })).kind, 'latched');
      same('own epoch', refused(await router.route(api, { epoch, weights: split(10_000) })).kind, 'latched');
      same('taken after the old epoch', refused(await router.takeEpoch(api, old)).kind, 'stale-epoch');
      const taken = must(await router.takeEpoch(api, epoch));
      same('latch lifted', taken.latch, undefined);
      same('weights kept', taken.weights, split(0));
      same('old epoch again', refused(await router.route(api, { epoch: old, weights: split(10_000) })).kind, 'stale-epoch');
      same('new epoch', must(await router.route(api, { epoch: taken.epoch, weights: split(500), revertTo: 'blue' })).weights, split(500));
    },
  },
  {
    name: 'a revert told again after a new rollout began does not hit that rollout',
    prove: async ({ router }) => {
      const old = await begun(router);
      must(await router.route(api, { epoch: old, weights: split(5_000), revertTo: 'blue' }));
      const { epoch } = must(await router.revert(api, why('r1')));
      const taken = must(await router.takeEpoch(api, epoch));
      must(await router.route(api, { epoch: taken.epoch, weights: split(500), revertTo: 'blue' }));
      const after = must(await router.revert(api, why('r1')));
      same('still as the new rollout wants', [after.epoch, after.weights, after.latch], [taken.epoch, split(500), undefined]);
    },
  },
  {
    name: 'I7: reverts are journaled with time, cause and both weights, and read in order after any of them',
    prove: async ({ router }) => {
      let epoch = await begun(router);
      for (const id of ['r1', 'r2', 'r3']) {
        must(await router.route(api, { epoch, weights: split(5_000), revertTo: 'blue' }));
        epoch = must(await router.takeEpoch(api, must(await router.revert(api, why(id))).epoch)).epoch;
      }
      const all = await reverts(router);
      same('ids', ids(all), ['r1', 'r2', 'r3']);
      const { service, by, reason, from, to } = all[0] ?? {};
      same('first', { service, by, reason, from, to }, { service: api, by: 'ada', reason: 'errors', from: split(5_000), to: split(0) });
      same('time', /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(all[0]?.at ?? ''), true);
      same('after r1', ids(await reverts(router, 'r1')), ['r2', 'r3']);
      same('after the last', ids(await reverts(router, 'r3')), []);
      same('after one that is not known', ids(await reverts(router, 'r9')), ['r1', 'r2', 'r3']);
    },
  },
  {
    name: 'I3, I14: after its death a router is back with port, epoch, latch, weights, way back, endpoints and reverts',
    prove: async ({ router, restart }) => {
      const epoch = await begun(router);
      must(await router.setEndpoints(api, 'blue', { key: 'k1', endpoints: [{ host: '127.0.0.1', port: 9 }] }));
      must(await router.route(api, { epoch, weights: split(5_000), revertTo: 'blue' }));
      const before = must(await router.observe(api));
      await restart();
      const between = must(await router.observe(api));
      same('after the first death', kept(between), kept(before));
      same('generation', between.counters.blue.generation === before.counters.blue.generation, false);
      const reverted = must(await router.revert(api, why('r1')));
      await restart();
      same('after the second death', kept(must(await router.observe(api))), kept(reverted));
      same('reverts', ids(await reverts(router)), ['r1']);
      same('latched still', refused(await router.route(api, { epoch, weights: split(10_000) })).kind, 'latched');
    },
  },
  {
    name: 'counters begin anew when a slot is filled with another order, and not when an instance moves',
    prove: async ({ router }) => {
      await begun(router);
      const fill = async (key: string, port: number): Promise<string> =>
        must(await router.setEndpoints(api, 'green', { key, endpoints: [{ host: '127.0.0.1', port }] })).counters.green.generation;
      const first = await fill('k1', 9);
      same('another port', await fill('k1', 10), first);
      same('another order', (await fill('k2', 10)) === first, false);
    },
  },
];

async function begun(router: Router): Promise<number> {
  must(await router.declare(api, { traffic: 'request' }));
  return must(await router.takeEpoch(api, 0)).epoch;
}

async function reverts(router: Router, after?: string): Promise<readonly JournaledRevert[]> {
  const answer = await router.revertsAfter(after);
  if (!answer.ok) throw new Error(`reverts refused: ${JSON.stringify(answer.error)}`);
  return answer.value;
}

const ids = (all: readonly { readonly id: string }[]): readonly string[] => all.map(({ id }) => id);

function kept({ listen, epoch, latch, weights, revertTo, endpoints }: RouterObservation): object {
  return { listen, epoch, latch, weights, revertTo, endpoints };
}

function must(answer: Result<RouterObservation, RouterRefusal>): RouterObservation {
  if (!answer.ok) throw new Error(`refused: ${JSON.stringify(answer.error)}`);
  return answer.value;
}

function refused(answer: Result<RouterObservation, RouterRefusal>): RouterRefusal {
  if (answer.ok) throw new Error(`not refused: ${JSON.stringify(answer.value)}`);
  return answer.error;
}

/** Equal as data, whatever the order of their keys. */
function same(what: string, actual: unknown, expected: unknown): void {
  const [a, b] = [sorted(actual), sorted(expected)];
  if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`);
}

const sorted = (value: unknown): string | undefined =>
  JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
