import { err, isoTime, ok, type Clock, type Result } from '#kernel';
import {
  movingWeight,
  reverting,
  revertsAfter,
  takingEpoch,
  type Router,
  type RouterEndpoints,
  type RouterObservation,
  type RouterRefusal,
  type Routing,
  type RoutingTable,
  type ServiceKey,
  type Slot,
  type SlotEndpoints,
  type TrafficDeclaration,
} from '#rollout';
import type { DataPlane } from './data-plane.ts';
import type { RoutingStore } from './routing-store.ts';

type Observed = Result<RouterObservation, RouterRefusal>;

/** The commands of the router, inside its process: decided by the pure rules, kept by the store, followed by the data plane. */
export class RouterControl implements Router, RouterEndpoints {
  readonly kind = 'embedded';
  readonly #store: RoutingStore;
  readonly #plane: DataPlane;
  readonly #clock: Clock;

  constructor(store: RoutingStore, plane: DataPlane, clock: Clock) {
    this.#store = store;
    this.#plane = plane;
    this.#clock = clock;
  }

  async declare(service: ServiceKey, how: TrafficDeclaration): Promise<Observed> {
    const done = await this.#store.forward(async (table) => {
      const listen = await this.#plane.declare(service, how);
      if (listen === undefined) return err({ kind: 'port-in-use', port: how.port ?? table.services.get(service)?.listen.port ?? 0 });
      const known = table.services.get(service);
      const same =
        known !== undefined &&
        known.traffic === how.traffic &&
        known.listen.port === listen.port &&
        known.listen.host === listen.host &&
        known.sticky?.from === how.sticky?.from &&
        known.sticky?.name === how.sticky?.name;
      const sticky = how.sticky === undefined ? {} : { sticky: how.sticky };
      return ok(same ? undefined : { type: 'declared', service, traffic: how.traffic, listen, ...sticky });
    });
    return this.#observed(service, done);
  }

  async takeEpoch(service: ServiceKey, after: number): Promise<Observed> {
    const done = await this.#store.forward(async (table) => takingEpoch(table, service, after));
    if (!done.ok) return done;
    // A revert that came while the epoch was being synced has raised it further: the taker has lost.
    const now = done.value.services.get(service);
    if (now !== undefined && now.epoch !== after + 1) return err({ kind: 'stale-epoch', epoch: now.epoch });
    return this.#observed(service, done);
  }

  async route(service: ServiceKey, order: Parameters<Router['route']>[1]): Promise<Observed> {
    const done = await this.#store.forward(async (table) => {
      const moved = movingWeight(table, service, order);
      const known = table.services.get(service);
      return moved.ok && known !== undefined && isInForce(known, order) ? ok(undefined) : moved;
    });
    if (!done.ok) return done;
    const overtaken = movingWeight(done.value, service, order);
    return overtaken.ok ? this.#observed(service, done) : overtaken;
  }

  async revert(service: ServiceKey, why: { readonly id: string; readonly by: string; readonly reason: string }): Promise<Observed> {
    const arrivedAt = this.#clock.monotonic();
    const at = isoTime(this.#clock.now());
    const decided = reverting(this.#store.written, service, { ...why, at });
    if (!decided.ok) return decided;
    if (decided.value !== undefined) {
      await this.#store.now(decided.value);
      const tookMicroseconds = Math.round((this.#clock.monotonic() - arrivedAt) * 1000);
      // Its own line, since the time is known only after the sync; the answer need not wait for this one.
      void this.#store.now({ type: 'revert-timed', id: why.id, tookMicroseconds });
    } else await this.#store.settled();
    return this.observe(service);
  }

  async observe(service: ServiceKey): Promise<Observed> {
    return this.#observed(service, ok(this.#store.table));
  }

  async revertsAfter(id: string | undefined): ReturnType<Router['revertsAfter']> {
    return ok(revertsAfter(this.#store.table.reverts, id));
  }

  async setEndpoints(service: ServiceKey, slot: Slot, filled: SlotEndpoints): Promise<Observed> {
    const known = this.#store.table.services.get(service);
    if (known === undefined) return err({ kind: 'unknown-service' });
    // In force before it is durable: where instances listen is a fact, and its owner tells it again after any restart.
    if (JSON.stringify(known.slots[slot]) !== JSON.stringify(filled)) await this.#store.now({ type: 'filled', service, slot, filled });
    return this.observe(service);
  }

  #observed(service: ServiceKey, done: Result<RoutingTable, RouterRefusal>): Observed {
    if (!done.ok) return done;
    const routing = done.value.services.get(service);
    const counters = this.#plane.countersOf(service);
    if (routing === undefined || counters === undefined) return err({ kind: 'unknown-service' });
    const { slots, traffic: _, sticky: __, ...rest } = routing;
    const pending = this.#store.pending;
    return ok({
      ...rest,
      endpoints: { blue: slots.blue.endpoints, green: slots.green.endpoints },
      counters,
      ...(pending === undefined ? {} : { recordPending: pending }),
    });
  }
}

function isInForce(routing: Routing, order: Parameters<Router['route']>[1]): boolean {
  const { weights, revertTo } = routing;
  return weights.blue === order.weights.blue && weights.green === order.weights.green && revertTo === order.revertTo;
}
