import { err, isoTime, ok, type Clock, type Result } from '#kernel';
import { addHistograms, bucketOf } from './histogram.ts';
import type {
  Router,
  RouterEndpoints,
  RouterObservation,
  RouterRefusal,
  ServiceKey,
  Slot,
  SlotCounters,
  SlotEndpoints,
  TrafficDeclaration,
} from './ports.ts';
import { afterFact, emptyRoutingTable, isSplit, movingWeight, reverting, revertsAfter, takingEpoch, type RoutingFact } from './routing.ts';

type Observed = Result<RouterObservation, RouterRefusal>;

/** What a test lets a slot of the fake router answer. */
export type FakeTraffic = { readonly answers: number; readonly errors?: number; readonly microseconds?: number };

const firstPort = 20_000;

/**
 * A router without a network, for simulations and tests: the same rules as the real one (both pass the contract in
 * `router-contract.ts`), and counters that the test fills.
 */
export class FakeRouter implements Router, RouterEndpoints {
  readonly kind = 'fake';
  /** While false, every command is answered as by a router that is gone. */
  reachable = true;
  readonly #clock: Clock;
  #table = emptyRoutingTable;
  #counters = new Map<string, SlotCounters>();
  #generations = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async declare(service: ServiceKey, how: TrafficDeclaration): Promise<Observed> {
    const known = this.#table.services.get(service);
    const port = how.port ?? known?.listen.port ?? firstPort + this.#table.services.size;
    const taken = [...this.#table.services.values()].some((other) => other.service !== service && other.listen.port === port);
    if (taken) return err({ kind: 'port-in-use', port });
    return this.#done(
      service,
      ok({
        type: 'declared',
        service,
        traffic: how.traffic,
        listen: { host: '127.0.0.1', port },
        ...(how.sticky === undefined ? {} : { sticky: how.sticky }),
      }),
    );
  }

  async takeEpoch(service: ServiceKey, after: number): Promise<Observed> {
    return this.#done(service, takingEpoch(this.#table, service, after));
  }

  async route(service: ServiceKey, order: Parameters<Router['route']>[1]): Promise<Observed> {
    if (!isSplit(order.weights)) throw new TypeError(`weights are no split: ${JSON.stringify(order.weights)}`);
    return this.#done(service, movingWeight(this.#table, service, order));
  }

  async revert(service: ServiceKey, why: { readonly id: string; readonly by: string; readonly reason: string }): Promise<Observed> {
    return this.#done(service, reverting(this.#table, service, { ...why, at: isoTime(this.#clock.now()) }));
  }

  async observe(service: ServiceKey): Promise<Observed> {
    return this.#done(service, ok(undefined));
  }

  async revertsAfter(id: string | undefined): ReturnType<Router['revertsAfter']> {
    return this.reachable ? ok(revertsAfter(this.#table.reverts, id)) : err(gone);
  }

  async setEndpoints(service: ServiceKey, slot: Slot, filled: SlotEndpoints): Promise<Observed> {
    if (this.reachable && this.#table.services.get(service)?.slots[slot].key !== filled.key) this.#counters.delete(`${service} ${slot}`);
    return this.#done(service, ok({ type: 'filled', service, slot, filled }));
  }

  /** Lets a slot have answered requests. */
  answer(service: ServiceKey, slot: Slot, { answers, errors = 0, microseconds = 1_000 }: FakeTraffic): void {
    const before = this.#countersOf(service, slot);
    const latency = Array.from({ length: bucketOf(microseconds) + 1 }, (_, bucket) => (bucket === bucketOf(microseconds) ? answers : 0));
    const now = this.#clock.now();
    this.#counters.set(`${service} ${slot}`, {
      ...before,
      answers: before.answers + answers,
      errors: before.errors + errors,
      latency: addHistograms(before.latency, latency),
      ...(errors === 0 ? {} : { firstErrorAt: before.firstErrorAt ?? now, lastErrorAt: now }),
    });
  }

  /** Dies and comes back: what is on disk stays, counters begin a new generation. */
  restart(): void {
    this.#counters = new Map();
  }

  #done(service: ServiceKey, decided: Result<RoutingFact | undefined, RouterRefusal>): Observed {
    if (!this.reachable) return err(gone);
    if (!decided.ok) return decided;
    if (decided.value !== undefined) this.#table = afterFact(this.#table, decided.value);
    const routing = this.#table.services.get(service);
    if (routing === undefined) return err({ kind: 'unknown-service' });
    const { slots, traffic: _, sticky: __, ...rest } = routing;
    return ok({
      ...rest,
      endpoints: { blue: slots.blue.endpoints, green: slots.green.endpoints },
      counters: { blue: this.#countersOf(service, 'blue'), green: this.#countersOf(service, 'green') },
    });
  }

  #countersOf(service: ServiceKey, slot: Slot): SlotCounters {
    const key = `${service} ${slot}`;
    const known = this.#counters.get(key);
    if (known !== undefined) return known;
    this.#generations += 1;
    const fresh = { generation: `g${this.#generations}`, answers: 0, errors: 0, inFlight: 0, sessions: 0, latency: [] };
    this.#counters.set(key, fresh);
    return fresh;
  }
}

const gone = { kind: 'unreachable', message: 'the fake router is told to be unreachable' } as const;
