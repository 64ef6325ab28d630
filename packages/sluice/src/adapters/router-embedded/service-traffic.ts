import type { Routing, Slot, SlotCounters } from '#rollout';
import { SlotTraffic } from './slot-traffic.ts';
import { Split } from './split.ts';

/** The traffic of one service: its split and its two slots. What the proxies ask for each request. */
export class ServiceTraffic {
  readonly slots: Readonly<Record<Slot, SlotTraffic>>;
  readonly #split = new Split();
  #routing: Routing;

  constructor(routing: Routing, more: { readonly now: () => number; readonly newGeneration: () => string }) {
    this.#routing = routing;
    this.slots = { blue: new SlotTraffic(more.now, more.newGeneration), green: new SlotTraffic(more.now, more.newGeneration) };
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

  /** The slot of the next request; undefined while nothing is live. */
  next(): Slot | undefined {
    return this.#split.next();
  }

  /** The slot that may stand in for one without a usable instance: the other, if it has weight itself. A slot without weight never gets traffic. */
  standIn(slot: Slot): Slot | undefined {
    const other = slot === 'blue' ? 'green' : 'blue';
    return this.#routing.weights[other] > 0 ? other : undefined;
  }

  get counters(): Readonly<Record<Slot, SlotCounters>> {
    return { blue: this.slots.blue.counters, green: this.slots.green.counters };
  }

  close(): void {
    this.slots.blue.close();
    this.slots.green.close();
  }
}
