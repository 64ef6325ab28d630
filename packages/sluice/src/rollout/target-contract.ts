import type { Result } from '#kernel';
import type { SlotOrder, SlotStatus, Target, TargetProblem } from './ports.ts';

/** A target under test: a good order for it, how to wait, and how to let the target itself, or one of its instances, die. */
export type TargetRig = {
  readonly target: Target;
  /** An order for a healthy service that answers every GET with 200. */
  readonly order: (changes: Partial<SlotOrder>) => Promise<SlotOrder>;
  readonly until: (condition: () => Promise<boolean>) => Promise<void>;
  /** The process that fills the port dies and comes back; what it started runs on. */
  readonly restart: () => Promise<void>;
  /** One instance dies, and is started again by the target. */
  readonly crash: (order: SlotOrder, instance: string) => Promise<void>;
};

/** One promise of the `Target` port: the sentence that names it, and the proof, which throws when it does not hold. */
export type TargetClause = { readonly name: string; readonly prove: (rig: TargetRig) => Promise<void> };

/** What every target must hold, run against each of them and against the fake: no test framework, so that any can drive it. */
export const targetContract: readonly TargetClause[] = [
  {
    name: 'an empty slot has no key and no instances, has nothing to attest, and retiring it is no fault',
    prove: async ({ target, order }) => {
      const { service, slot, key } = await order({});
      same('status', must(await target.observe(service, slot)), { service, slot, instances: [] });
      same('attest', problemOf(await target.attest(service, slot)).kind, 'refused');
      same('probe', must(await target.probe(service, slot, '/')), []);
      same('retire', must(await target.retire(service, slot, key)).instances, []);
    },
  },
  {
    name: 'a placed slot shows key, version and as many instances as ordered, which get healthy with an address',
    prove: async (rig) => {
      const order = await rig.order({ instances: 3 });
      must(await rig.target.place(order));
      const status = await healthy(rig, order);
      same('key', [status.key, status.version], [order.key, order.version]);
      same('names', new Set(status.instances.map((instance) => instance.name)).size, 3);
      same('addresses', new Set(status.instances.map((instance) => instance.endpoint?.port)).size, 3);
    },
  },
  {
    name: 'I4: the same order again is the same processes, also when it comes many times at once',
    prove: async (rig) => {
      const order = await rig.order({ instances: 2 });
      const answers = await Promise.all(Array.from({ length: 4 }, () => rig.target.place(order)));
      for (const answer of answers) must(answer);
      const first = pids(await healthy(rig, order));
      must(await rig.target.place(order));
      same('processes', pids(await healthy(rig, order)), first);
    },
  },
  {
    name: 'a key that was used for one order is refused for another',
    prove: async (rig) => {
      const order = await rig.order({});
      must(await rig.target.place(order));
      same('refusal', problemOf(await rig.target.place({ ...order, version: '6.6.6' })).kind, 'refused');
      same('version', must(await rig.target.observe(order.service, order.slot)).version, order.version);
    },
  },
  {
    name: 'a slot that holds one order is busy for another key until it is retired; the other slot is free',
    prove: async (rig) => {
      const order = await rig.order({});
      must(await rig.target.place(order));
      const before = pids(await healthy(rig, order));
      const next = { ...order, key: `${order.key}-next`, version: '2.0.0' };
      same('refusal', problemOf(await rig.target.place(next)).kind, 'slot-busy');
      same('what ran', pids(await healthy(rig, order)), before);
      must(await rig.target.place({ ...next, slot: 'green' }));
      await healthy(rig, { ...next, slot: 'green' });
      must(await rig.target.retire(order.service, order.slot, order.key));
      must(await rig.target.place(next));
      same('after retiring', (await healthy(rig, next)).version, '2.0.0');
    },
  },
  {
    name: 'I6: an attestation names every instance, with the digests that were measured',
    prove: async (rig) => {
      const order = await rig.order({ instances: 2 });
      must(await rig.target.place(order));
      const status = await healthy(rig, order);
      const attested = must(await rig.target.attest(order.service, order.slot));
      same('instances', attested.map((one) => one.instance).toSorted(), status.instances.map((one) => one.name).toSorted());
      for (const one of attested) same(one.instance, [one.artifact, one.executable], [order.artifact, order.executable]);
    },
  },
  {
    name: 'a probe asks every instance once',
    prove: async (rig) => {
      const order = await rig.order({ instances: 2 });
      must(await rig.target.place(order));
      await healthy(rig, order);
      const answers = must(await rig.target.probe(order.service, order.slot, '/health'));
      same(
        'status',
        answers.map((answer) => answer.status),
        [200, 200],
      );
    },
  },
  {
    name: 'I3: the target dies and comes back: the same processes run and are known',
    prove: async (rig) => {
      const order = await rig.order({ instances: 2 });
      must(await rig.target.place(order));
      const before = pids(await healthy(rig, order));
      await rig.restart();
      const after = await healthy(rig, order);
      same('processes', pids(after), before);
      same(
        'restarts',
        after.instances.map((instance) => instance.restarts),
        [0, 0],
      );
      must(await rig.target.place(order));
      same('placed again', pids(await healthy(rig, order)), before);
    },
  },
  {
    name: 'an instance that dies is started again, and counted; its neighbour is left alone',
    prove: async (rig) => {
      const order = await rig.order({ instances: 2 });
      must(await rig.target.place(order));
      const [first, second] = (await healthy(rig, order)).instances;
      if (first === undefined || second === undefined) throw new Error('two instances were ordered');
      await rig.crash(order, first.name);
      await rig.until(async () => must(await rig.target.observe(order.service, order.slot)).instances.some((one) => one.restarts === 1));
      const after = (await healthy(rig, order)).instances;
      same(
        'restarts',
        after.map((one) => one.restarts),
        [1, 0],
      );
      same('another process', after[0]?.pid === first.pid, false);
      same('the neighbour', after[1]?.pid, second.pid);
    },
  },
  {
    name: 'a retired slot is empty; retiring again is no fault; its key may be used again',
    prove: async (rig) => {
      const order = await rig.order({});
      must(await rig.target.place(order));
      await healthy(rig, order);
      same(
        'states',
        must(await rig.target.retire(order.service, order.slot, order.key)).instances.map((one) => one.state),
        ['stopped'],
      );
      same('empty', must(await rig.target.observe(order.service, order.slot)), { service: order.service, slot: order.slot, instances: [] });
      must(await rig.target.retire(order.service, order.slot, order.key));
      must(await rig.target.place(order));
      await healthy(rig, order);
    },
  },
  {
    name: 'I4: who still means an order that is gone stops nothing of the one placed since, and cannot keep its logs under another name',
    prove: async (rig) => {
      const order = await rig.order({});
      must(await rig.target.place(order));
      await healthy(rig, order);
      must(await rig.target.retire(order.service, order.slot, order.key));
      const next = { ...order, key: `${order.key}-next`, version: '2.0.0' };
      must(await rig.target.place(next));
      const before = pids(await healthy(rig, next));
      const shown = must(await rig.target.retire(order.service, order.slot, order.key));
      same('shown', [shown.key, pids(shown)], [next.key, before]);
      same('kept', problemOf(await rig.target.preserve(order.service, order.slot, order.key, 'case-2')).kind, 'refused');
      same('what runs', pids(await healthy(rig, next)), before);
      must(await rig.target.retire(next.service, next.slot, next.key));
      same('empty', must(await rig.target.observe(order.service, order.slot)).instances, []);
    },
  },
  {
    name: 'what was in a slot can be preserved, before and after it is retired',
    prove: async (rig) => {
      const order = await rig.order({});
      must(await rig.target.place(order));
      same('before', must(await rig.target.preserve(order.service, order.slot, order.key, 'case-1')).length > 0, true);
      must(await rig.target.retire(order.service, order.slot, order.key));
      same('after', must(await rig.target.preserve(order.service, order.slot, order.key, 'case-1')).length > 0, true);
    },
  },
];

async function healthy({ target, until }: TargetRig, order: SlotOrder): Promise<SlotStatus> {
  const look = async (): Promise<SlotStatus> => must(await target.observe(order.service, order.slot));
  await until(async () => {
    const { instances } = await look();
    return instances.length === order.instances && instances.every((one) => one.state === 'healthy' && one.endpoint !== undefined);
  });
  return look();
}

const pids = (status: SlotStatus): readonly (number | undefined)[] => status.instances.map((instance) => instance.pid);

function must<T>(answer: Result<T, TargetProblem>): T {
  if (!answer.ok) throw new Error(`refused: ${JSON.stringify(answer.error)}`);
  return answer.value;
}

function problemOf<T>(answer: Result<T, TargetProblem>): TargetProblem {
  if (answer.ok) throw new Error(`should have been refused, answered ${JSON.stringify(answer.value)}`);
  return answer.error;
}

function same(what: string, seen: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(seen), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: ${a}, expected ${b}`);
}
