import { assertNever, basisPoints, err, ok, type Result } from '#kernel';
import type { Endpoint, JournaledRevert, Latch, RouterRefusal, ServiceKey, Slot, SlotEndpoints, StickyKey, Weights } from './ports.ts';

/** What a router knows of one service and keeps over restarts. */
export type Routing = {
  readonly service: ServiceKey;
  readonly traffic: 'request' | 'connection';
  readonly listen: Endpoint;
  readonly sticky?: StickyKey;
  readonly epoch: number;
  readonly latch?: Latch;
  readonly weights: Weights;
  readonly revertTo?: Slot;
  readonly slots: Readonly<Record<Slot, SlotEndpoints>>;
};

/** Everything a router keeps: what it does, and the reverts it did, oldest first. */
export type RoutingTable = {
  readonly services: ReadonlyMap<ServiceKey, Routing>;
  readonly reverts: readonly JournaledRevert[];
};

/** What happened in a router: the entries of its journal. The table is their fold. */
export type RoutingFact =
  | {
      readonly type: 'declared';
      readonly service: ServiceKey;
      readonly traffic: 'request' | 'connection';
      readonly listen: Endpoint;
      readonly sticky?: StickyKey;
    }
  | { readonly type: 'epoch-taken'; readonly service: ServiceKey; readonly epoch: number }
  | { readonly type: 'routed'; readonly service: ServiceKey; readonly epoch: number; readonly weights: Weights; readonly revertTo?: Slot }
  | { readonly type: 'reverted'; readonly revert: JournaledRevert; readonly latch: Latch }
  | { readonly type: 'revert-timed'; readonly id: string; readonly tookMicroseconds: number }
  | { readonly type: 'filled'; readonly service: ServiceKey; readonly slot: Slot; readonly filled: SlotEndpoints }
  | { readonly type: 'latched'; readonly service: ServiceKey; readonly epoch: number; readonly latch: Latch };

/** A router that was never used. */
export const emptyRoutingTable: RoutingTable = { services: new Map(), reverts: [] };

const noTraffic: Weights = { blue: basisPoints(0), green: basisPoints(0) };
const emptySlot: SlotEndpoints = { key: '', endpoints: [] };

/** All traffic to one slot. */
export const allTo = (slot: Slot): Weights => ({
  blue: basisPoints(slot === 'blue' ? 10_000 : 0),
  green: basisPoints(slot === 'green' ? 10_000 : 0),
});

/** Whether weights are a split of all traffic, or of none. */
export const isSplit = ({ blue, green }: Weights): boolean => blue + green === 10_000 || blue + green === 0;

/**
 * The table after a fact. A fact older than the table changes nothing: the epoch never goes back (I14), and weights of an epoch that
 * a revert has ended stay out, in whatever order the two reached the journal.
 */
export function afterFact(table: RoutingTable, fact: RoutingFact): RoutingTable {
  switch (fact.type) {
    case 'declared': {
      const known = table.services.get(fact.service);
      const { service, traffic, listen, sticky } = fact;
      const bare = { epoch: 0, weights: noTraffic, slots: { blue: emptySlot, green: emptySlot } };
      const { sticky: _, ...before } = known ?? { ...bare, sticky: undefined };
      return withRouting(table, { ...before, service, traffic, listen, ...(sticky === undefined ? {} : { sticky }) });
    }
    case 'epoch-taken':
      return changed(table, fact.service, (routing) =>
        fact.epoch > routing.epoch ? { ...unlatched(routing), epoch: fact.epoch } : routing,
      );
    case 'routed':
      return changed(table, fact.service, (routing) => {
        if (fact.epoch !== routing.epoch || routing.latch !== undefined) return routing;
        const { revertTo: _, ...rest } = routing;
        return { ...rest, weights: fact.weights, ...(fact.revertTo === undefined ? {} : { revertTo: fact.revertTo }) };
      });
    case 'reverted': {
      const { revert, latch } = fact;
      const moved = changed(table, revert.service, (routing) =>
        revert.epoch > routing.epoch ? { ...routing, epoch: revert.epoch, weights: revert.to, latch } : routing,
      );
      return table.reverts.some((known) => known.id === revert.id) ? moved : { ...moved, reverts: [...table.reverts, revert] };
    }
    case 'revert-timed':
      return {
        ...table,
        reverts: table.reverts.map((revert) => (revert.id === fact.id ? { ...revert, tookMicroseconds: fact.tookMicroseconds } : revert)),
      };
    case 'filled':
      return changed(table, fact.service, (routing) => ({ ...routing, slots: { ...routing.slots, [fact.slot]: fact.filled } }));
    case 'latched':
      return changed(table, fact.service, (routing) =>
        fact.epoch > routing.epoch ? { ...routing, epoch: fact.epoch, latch: fact.latch } : routing,
      );
    default:
      return assertNever(fact);
  }
}

/** The fact that takes the next epoch, or why it may not be taken: of two who saw the same epoch one wins. */
export function takingEpoch(table: RoutingTable, service: ServiceKey, after: number): Result<RoutingFact, RouterRefusal> {
  const routing = table.services.get(service);
  if (routing === undefined) return err({ kind: 'unknown-service' });
  if (routing.epoch !== after) return err({ kind: 'stale-epoch', epoch: routing.epoch });
  return ok({ type: 'epoch-taken', service, epoch: after + 1 });
}

/** The fact that moves weight, or why it may not move (I14). */
export function movingWeight(
  table: RoutingTable,
  service: ServiceKey,
  order: { readonly epoch: number; readonly weights: Weights; readonly revertTo?: Slot },
): Result<RoutingFact, RouterRefusal> {
  const known = table.services.get(service);
  if (known === undefined) return err({ kind: 'unknown-service' });
  // The latch first: whoever lost to a revert shall hear of the revert, whatever epoch he holds.
  if (known.latch !== undefined) return err({ kind: 'latched', epoch: known.epoch, latch: known.latch });
  if (known.epoch !== order.epoch) return err({ kind: 'stale-epoch', epoch: known.epoch });
  return ok({ type: 'routed', service, ...order });
}

/** Who reverts, when, and why. */
export type RevertOrder = { readonly id: string; readonly by: string; readonly reason: string; readonly at: string };

/**
 * The fact that takes all traffic back, whatever the epoch (I2); undefined when that has been done: the service is latched already, or
 * this very revert is known, and a late repetition must not hit the rollout that came after it.
 */
export function reverting(table: RoutingTable, service: ServiceKey, why: RevertOrder): Result<RoutingFact | undefined, RouterRefusal> {
  const known = table.services.get(service);
  if (known === undefined) return err({ kind: 'unknown-service' });
  if (known.latch !== undefined || table.reverts.some((revert) => revert.id === why.id)) return ok(undefined);
  if (known.revertTo === undefined) return err({ kind: 'nothing-to-revert-to' });
  const { id, by, reason, at } = why;
  const revert: JournaledRevert = {
    id,
    service,
    at,
    by,
    reason,
    epoch: known.epoch + 1,
    from: known.weights,
    to: allTo(known.revertTo),
    tookMicroseconds: 0,
  };
  return ok({ type: 'reverted', revert, latch: { at, by, reason } });
}

/**
 * The slot to which a key is bound. `place` puts the key on a line from 0 to 1, by chance but always at the same point for the same salt; the new slot has the part
 * from 0 to its share. So a key that has come to the new slot stays there while its weight grows, another rollout binds other keys first, and a revert moves
 * everybody at once. Undefined while no slot has weight.
 */
export function stickyPlace({ weights, revertTo, slots }: Routing, place: (salt: string) => number): Slot | undefined {
  if (weights.blue + weights.green === 0) return undefined;
  const [fresh, old] = revertTo === 'green' ? (['blue', 'green'] as const) : (['green', 'blue'] as const);
  return place(slots[fresh].key) * 10_000 < weights[fresh] ? fresh : old;
}

/** Reverts after the one with this id; all of them when the id is not known here, for a reader that has lost its place. */
export function revertsAfter(reverts: readonly JournaledRevert[], id: string | undefined): readonly JournaledRevert[] {
  return reverts.slice(reverts.findIndex((revert) => revert.id === id) + 1);
}

function changed(table: RoutingTable, service: ServiceKey, change: (routing: Routing) => Routing): RoutingTable {
  const known = table.services.get(service);
  return known === undefined ? table : withRouting(table, change(known));
}

function withRouting(table: RoutingTable, routing: Routing): RoutingTable {
  return { ...table, services: new Map([...table.services, [routing.service, routing]]) };
}

function unlatched(routing: Routing): Routing {
  const { latch: _, ...rest } = routing;
  return rest;
}
