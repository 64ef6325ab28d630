import fc from 'fast-check';
import { expect, test } from 'vitest';
import { basisPoints, digestOf, percent, type Result, seconds } from '#kernel';
import { decide, keepsWarm } from './decide.ts';
import { nextCommand, otherSlot } from './next-command.ts';
import type { RouterRefusal, Slot, SlotCounters } from './ports.ts';
import { planRollout, type RolloutPlan } from './rollout-plan.ts';
import {
  afterFact,
  emptyRoutingTable,
  movingWeight,
  reverting,
  type Routing,
  type RoutingFact,
  type RoutingTable,
  takingEpoch,
} from './routing.ts';
import { unwatched, type WatchProgress } from './watch-progress.ts';
import { isTerminal, type RolloutCommand, type RolloutEvent, type RolloutState } from './state.ts';

const service = 'production/api';
const facts = {
  deployment: 'd1',
  service,
  release: digestOf('release'),
  version: 'v2',
  artifact: digestOf('artifact'),
  executable: digestOf('program'),
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
} as const satisfies Omit<RolloutPlan, 'phases' | 'stable'>;
const plans = { upgrade: planRollout({ ...facts, stable: { slot: 'blue', key: 'd0' } }), 'first release': planRollout(facts) } as const;

/** A controller between two steps: what it read, what it is about to do, what it saw. Each may be out of date by hours. */
type Controller = {
  read?: { readonly version: number; readonly state: RolloutState };
  adopt: boolean;
  command?: RolloutCommand;
  event?: RolloutEvent;
};
type Act =
  | { readonly who: 0 | 1; readonly does: 'wake' | 'order' | 'act' | 'write' | 'fail' | 'late' | 'ask' | 'room' }
  | { readonly who: 'person'; readonly does: 'revert' };

const counters: SlotCounters = { generation: 'g', answers: 0, errors: 0, inFlight: 0, sessions: 0, latency: [] };
const numbers = { watchedMs: 1, samples: 1, candidate: { answers: 1, errors: 0 } };

/** A router by its real rules, a target by its instances, one row, and two controllers that sleep and die wherever they like. */
class World {
  readonly plan: RolloutPlan;
  table: RoutingTable = emptyRoutingTable;
  readonly alive = new Set<Slot>();
  row: { readonly version: number; readonly state: RolloutState } = { version: 0, state: { kind: 'queued' } };
  readonly controllers: readonly [Controller, Controller] = [{ adopt: true }, { adopt: true }];
  reverts = 0;

  constructor(plan: RolloutPlan) {
    this.plan = plan;
    this.#tell({ type: 'declared', service, traffic: 'request', listen: { host: '127.0.0.1', port: 1 } });
    if (plan.stable === undefined) return;
    this.alive.add(plan.stable.slot);
    this.#tell({ type: 'epoch-taken', service, epoch: 1 });
    this.#tell({ type: 'routed', service, epoch: 1, weights: { blue: basisPoints(10_000), green: basisPoints(0) } });
  }

  get routing(): Routing {
    return this.table.services.get(service)!;
  }

  #tell(fact: RoutingFact | undefined): void {
    const before = this.table.services.get(service);
    if (fact !== undefined) this.table = afterFact(this.table, fact);
    if (before === undefined) return;
    const after = this.routing;
    if (after.epoch < before.epoch) throw new Error(`epoch went back from ${before.epoch} to ${after.epoch}`);
    // Only this rollout's own order may have shifted weight; never to instances that are not there, never after a revert.
    for (const slot of ['blue', 'green'] as const) {
      if (after.weights[slot] > 0 && !this.alive.has(slot)) throw new Error(`${slot} gets ${after.weights[slot]} and nothing runs there`);
    }
    if (this.reverts > 0 && after.weights[this.plan.candidate] > before.weights[this.plan.candidate])
      throw new Error('weight moved to the new version after a revert');
  }

  revert(id: string): void {
    const fact = reverting(this.table, service, { id, by: 'erin', reason: 'slow', at: '2026-11-21T03:00:00.000Z' });
    if (!fact.ok || fact.value === undefined) return;
    this.#tell(fact.value);
    this.reverts += 1;
  }

  does(act: Act): void {
    if (act.who === 'person') return this.revert('by-hand');
    const controller = this.controllers[act.who];
    switch (act.does) {
      case 'wake':
        Object.assign(controller, { read: this.row, adopt: true, command: undefined, event: undefined });
        return;
      case 'order':
        return this.#order(controller);
      case 'act':
        if (controller.command !== undefined) controller.event = this.#perform(controller.command);
        delete controller.command;
        return;
      case 'fail':
        if (controller.command?.kind === 'watch')
          controller.event = {
            kind: 'watch-ended',
            watch: watchOf(controller),
            verdict: { kind: 'fail', rule: 'hard-errors', because: 'errors', numbers },
          };
        else if (controller.command !== undefined)
          controller.event = { kind: 'step-failed', problem: { kind: 'target', problem: { kind: 'refused', message: 'no' } } };
        delete controller.command;
        return;
      case 'late':
        if (controller.command !== undefined) controller.event = { kind: 'deadline-passed' };
        delete controller.command;
        return;
      case 'ask':
        if (controller.command !== undefined && controller.read?.state.kind !== 'retiring')
          controller.event = { kind: 'revert-asked', by: 'erin', reason: 'slow' };
        delete controller.command;
        return;
      case 'room':
        if (controller.command?.kind !== 'watch' || controller.read === undefined || !keepsWarm(this.plan, controller.read.state)) return;
        controller.event = { kind: 'room-asked', by: 'd2' };
        delete controller.command;
        return;
      case 'write':
        return this.#write(controller);
    }
  }

  #order(controller: Controller): void {
    const { read } = controller;
    if (read === undefined || isTerminal(read.state) || controller.event !== undefined) return;
    if (controller.adopt) controller.event = { kind: 'adopted' };
    else if (read.state.kind === 'queued') controller.event = { kind: 'started', epoch: this.routing.epoch };
    else controller.command = nextCommand(this.plan, read.state)!;
    controller.adopt = false;
  }

  #write(controller: Controller): void {
    const { read, event } = controller;
    if (read === undefined || event === undefined) return;
    delete controller.event;
    const { next, commands } = decide(this.plan, read.state, event);
    // As the driver does it: a revert goes to the router before anything is stored (I2).
    for (const command of commands) if (command.kind === 'revert') this.revert(command.id);
    if (read.version !== this.row.version) delete controller.read;
    else controller.read = this.row = { version: read.version + 1, state: JSON.parse(JSON.stringify(next)) as RolloutState };
  }

  #perform(command: RolloutCommand): RolloutEvent {
    const { candidate } = this.plan;
    switch (command.kind) {
      case 'take-epoch':
        return this.#routed(takingEpoch(this.table, service, command.after), ({ epoch, weights }) => ({
          kind: 'epoch-taken',
          epoch,
          weights,
        }));
      case 'route': {
        const { epoch, weights, revertTo } = command;
        const order = revertTo === undefined ? { epoch, weights } : { epoch, weights, revertTo };
        return this.#routed(movingWeight(this.table, service, order), (seen) => ({
          kind: 'routed',
          epoch: seen.epoch,
          weights: seen.weights,
          counters: { blue: counters, green: counters },
        }));
      }
      case 'revert':
        this.revert(command.id);
        return this.#seen();
      case 'observe-revert':
        return this.#seen();
      case 'place':
        this.alive.add(candidate);
        return { kind: 'placed' };
      case 'attest':
        return {
          kind: 'attested',
          attestations: [{ instance: 'i', pid: 1, artifact: this.plan.artifact, executable: this.plan.executable }],
        };
      case 'verify':
        return { kind: 'verified', instances: [{ name: 'i', state: 'healthy', restarts: 0, healthFailuresInARow: 0 }], smoke: [] };
      case 'watch':
        return { kind: 'watch-ended', watch: watchOf(this.controllers[0]), verdict: { kind: 'pass', because: 'enough', numbers } };
      case 'stay':
        return { kind: 'hold-ended' };
      case 'commit':
        return { kind: 'committed' };
      case 'drain':
        return { kind: 'drained', weights: this.routing.weights, inFlight: 0, sessions: 0 };
      case 'preserve':
        return { kind: 'preserved', folder: '/kept' };
      case 'retire':
        this.alive.delete(command.slot);
        this.#tell(undefined);
        return { kind: 'retired' };
    }
  }

  #routed(answer: Result<RoutingFact, RouterRefusal>, event: (seen: Routing) => RolloutEvent): RolloutEvent {
    if (answer.ok) {
      this.#tell(answer.value);
      return event(this.routing);
    }
    const { epoch, latch } = this.routing;
    return latch === undefined ? { kind: 'superseded', epoch } : { kind: 'superseded', epoch, latch };
  }

  #seen(): RolloutEvent {
    const { epoch, weights, latch } = this.routing;
    return latch === undefined ? { kind: 'revert-observed', epoch, weights } : { kind: 'revert-observed', epoch, weights, latch };
  }
}

const watchOf = ({ read }: Controller): WatchProgress => (read !== undefined && 'watch' in read.state ? read.state.watch : unwatched);

const turn = (who: 0 | 1): readonly Act[] => (['order', 'act', 'write'] as const).map((does) => ({ who, does }));
const acts = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom<readonly Act[]>(turn(0), turn(1)) },
    {
      weight: 6,
      arbitrary: fc
        .record({
          who: fc.constantFrom(0 as const, 1 as const),
          does: fc.constantFrom('wake' as const, 'order' as const, 'act' as const, 'write' as const),
        })
        .map((act): readonly Act[] => [act]),
    },
    {
      weight: 1,
      arbitrary: fc
        .record({
          who: fc.constantFrom(0 as const, 1 as const),
          does: fc.constantFrom('fail' as const, 'late' as const, 'ask' as const, 'room' as const),
        })
        .map(({ who, does }): readonly Act[] => [
          { who, does: 'order' },
          { who, does },
          { who, does: 'write' },
        ]),
    },
    { weight: 1, arbitrary: fc.constant<readonly Act[]>([{ who: 'person', does: 'revert' }]) },
  ),
  { maxLength: 80 },
);

test.each(Object.keys(plans) as readonly (keyof typeof plans)[])(
  '%s: two controllers that sleep, die and act late never send traffic to nothing, nor to the new version after a revert, and it ends (I4, I9, I14)',
  (name) => {
    const ends = new Set<string>();
    fc.assert(
      fc.property(acts, (schedule) => {
        const world = new World(plans[name]);
        world.does({ who: 0, does: 'wake' });
        world.does({ who: 1, does: 'wake' });
        for (const act of schedule.flat()) world.does(act);
        // One of them, woken now and left alone, brings it to an end.
        world.does({ who: 0, does: 'wake' });
        for (let turns = 0; !isTerminal(world.row.state); turns += 1) {
          expect(turns).toBeLessThan(60);
          for (const act of turn(0)) world.does(act);
        }
        const { state } = world.row;
        ends.add(state.kind);
        const { weights } = world.routing;
        const { candidate, stable } = world.plan;
        if (state.kind === 'succeeded') expect(weights[candidate]).toBe(10_000);
        if (state.kind === 'reverted' || state.kind === 'failed' || state.kind === 'cancelled') {
          expect(weights[candidate]).toBe(0);
          if (stable !== undefined) expect(weights[stable.slot]).toBe(10_000);
        }
        // Whatever happens, somebody serves who served before.
        if (stable !== undefined) expect(weights[candidate] + weights[otherSlot(candidate)]).toBe(10_000);
        // The other one wakes at last and does what it still had in mind: nothing moves.
        const before = world.routing;
        for (const does of ['act', 'write'] as const) world.does({ who: 1, does });
        expect(world.routing.weights).toEqual(before.weights);
      }),
      { numRuns: 3_000 },
    );
    expect(ends.size).toBeGreaterThanOrEqual(3);
  },
  60_000,
);
