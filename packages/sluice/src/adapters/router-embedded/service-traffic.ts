import type { Routing, Slot, SlotCounters } from '#rollout';
import type { RequestHead } from './request-reader.ts';
import { SlotTraffic, type TrafficSources } from './slot-traffic.ts';
import { Split } from './split.ts';
import { stickyTurn } from './sticky.ts';

/** The traffic of one service: its split and its two slots. What the proxies ask for each request. */
export class ServiceTraffic {
  readonly slots: Readonly<Record<Slot, SlotTraffic>>;
  readonly #split: Split;
  #routing: Routing;

  constructor(routing: Routing, more: TrafficSources & { readonly random: () => number }) {
    this.#routing = routing;
    this.#split = new Split(more.random);
    this.slots = { blue: new SlotTraffic(more), green: new SlotTraffic(more) };
    this.follow(routing);
  }

  /** Takes over weights and endpoints; the next request goes by them. */
  follow(routing: Routing): void {
    const before = this.#routing;
    this.#routing = routing;
    this.#split.set(routing.weights);
    for (const slot of ['blue', 'green'] as const) {
      if (before === routing || before.slots[slot] !== routing.slots[slot]) this.slots[slot].fill(routing.slots[slot]);
    }
  }

  /** The slot of a request, or of a connection; undefined while nothing is live. */
  turn(head?: RequestHead): Slot | undefined {
    const { sticky } = this.#routing;
    const bound = sticky === undefined || head === undefined ? undefined : stickyTurn(this.#routing, sticky, head);
    return bound ?? this.#split.next();
  }

  /**
   * The slot that may stand in for one without a usable instance: the other, if it has weight itself, or is the way back and has instances: warm, it is there
   * for this moment. A slot that is neither never gets traffic.
   */
  standIn(slot: Slot): Slot | undefined {
    const other = slot === 'blue' ? 'green' : 'blue';
    const { weights, revertTo, slots } = this.#routing;
    if (weights[other] > 0) return other;
    return revertTo === other && slots[other].endpoints.length > 0 ? other : undefined;
  }

  get counters(): Readonly<Record<Slot, SlotCounters>> {
    return { blue: this.slots.blue.counters, green: this.slots.green.counters };
  }

  close(): void {
    this.slots.blue.close();
    this.slots.green.close();
  }
}
