import { OrderTable } from './order-table.ts';
import { END_TICK, MAX_TICK, TickSet } from './tick-set.ts';

export type Side = 'buy' | 'sell';

/** limit rests what it cannot trade; ioc cancels it; market is an ioc at any price. */
export type OrderType = 'limit' | 'ioc' | 'market';

/** What happens in a book, in the order in which it happens. */
export interface BookEvents {
  traded(maker: number, taker: number, ticks: number, lots: number): void;
  rested(order: number, ticks: number, lots: number): void;
  cancelled(order: number, lots: number): void;
}

/** One price level as people see it. */
export type Level = readonly [ticks: number, lots: number];

/**
 * Price-time-priority matching over integer ticks and lots.
 *
 * One ladder of price levels serves both sides: because the book is never crossed, a level holds bids or asks, never both, and
 * everything up to `bestBid` is a bid. Orders are rows of flat columns, linked per level in order of arrival, so that placing
 * allocates nothing and cancelling unlinks in constant time. No clock and no randomness: same calls, same events.
 */
export class OrderBook {
  readonly #orders = new OrderTable();
  readonly #first = new Int32Array(END_TICK); // oldest order of a level; 0 = none, because order numbers start at 1
  readonly #last = new Int32Array(END_TICK);
  readonly #lots = new Float64Array(END_TICK); // a level's sum exceeds 2^31 long before 2^53
  readonly #occupied = new TickSet();
  readonly #events: BookEvents;
  #bestBid = 0;
  #bestAsk = END_TICK;

  constructor(events: BookEvents) {
    this.#events = events;
  }

  /** The highest bid, or 0. */
  get bestBid(): number {
    return this.#bestBid;
  }

  /** The lowest ask, or END_TICK. */
  get bestAsk(): number {
    return this.#bestAsk;
  }

  /** Trades what crosses, then rests or cancels the remainder; returns the order's number. `ticks` is ignored for a market order. */
  place(side: Side, type: OrderType, ticks: number, lots: number): number {
    const limit = type !== 'market' ? ticks : side === 'buy' ? MAX_TICK : 1;
    const order = this.#orders.add(limit, lots);
    if (side === 'buy') this.#buy(order, limit);
    else this.#sell(order, limit);
    const open = this.#orders.open(order);
    if (open === 0) return order;
    if (type === 'limit') this.#rest(order, side, open);
    else this.#drop(order, open);
    return order;
  }

  /** Takes a resting order out; returns the lots cancelled, 0 when nothing was resting. */
  cancel(order: number): number {
    const open = this.#orders.open(order);
    if (open === 0) return 0;
    this.#reduceLevel(this.#orders.ticks(order), open);
    this.#unlink(order);
    this.#drop(order, open);
    return open;
  }

  /** Lots of an order that can still trade. */
  open(order: number): number {
    return this.#orders.open(order);
  }

  /** The best `count` levels of one side, best first. */
  levels(side: Side, count: number): readonly Level[] {
    const levels: Level[] = [];
    const next = (tick: number): number => (side === 'buy' ? this.#occupied.below(tick) : this.#occupied.above(tick));
    let tick = side === 'buy' ? this.#bestBid : this.#bestAsk;
    for (; levels.length < count && tick > 0 && tick < END_TICK; tick = next(tick)) levels.push([tick, this.#lots[tick] as number]);
    return levels;
  }

  #buy(taker: number, limit: number): void {
    while (this.#bestAsk <= limit && this.#orders.open(taker) > 0) this.#tradeAt(this.#bestAsk, taker);
  }

  #sell(taker: number, limit: number): void {
    while (this.#bestBid >= limit && this.#orders.open(taker) > 0) this.#tradeAt(this.#bestBid, taker);
  }

  /** Time priority: the oldest order of the level trades first, at its own price. */
  #tradeAt(ticks: number, taker: number): void {
    const maker = this.#first[ticks] as number;
    const lots = Math.min(this.#orders.open(maker), this.#orders.open(taker));
    this.#orders.reduce(maker, lots);
    this.#orders.reduce(taker, lots);
    this.#reduceLevel(ticks, lots);
    this.#events.traded(maker, taker, ticks, lots);
    if (this.#orders.open(maker) === 0) this.#unlink(maker);
  }

  #rest(order: number, side: Side, open: number): void {
    const ticks = this.#orders.ticks(order);
    const last = this.#last[ticks] as number;
    if (last === 0) {
      this.#first[ticks] = order;
      this.#occupied.add(ticks);
    } else this.#orders.link(last, order);
    this.#last[ticks] = order;
    this.#lots[ticks] = (this.#lots[ticks] as number) + open;
    if (side === 'buy') this.#bestBid = Math.max(this.#bestBid, ticks);
    else this.#bestAsk = Math.min(this.#bestAsk, ticks);
    this.#events.rested(order, ticks, open);
  }

  #drop(order: number, open: number): void {
    this.#orders.reduce(order, open);
    this.#events.cancelled(order, open);
  }

  #reduceLevel(ticks: number, lots: number): void {
    this.#lots[ticks] = (this.#lots[ticks] as number) - lots;
  }

  #unlink(order: number): void {
    const ticks = this.#orders.ticks(order);
    const { before, after } = this.#orders.unlink(order);
    if (before === 0) this.#first[ticks] = after;
    if (after === 0) this.#last[ticks] = before;
    if (before !== 0 || after !== 0) return;
    this.#occupied.delete(ticks);
    if (ticks === this.#bestBid) this.#bestBid = this.#occupied.below(ticks);
    if (ticks === this.#bestAsk) this.#bestAsk = this.#occupied.above(ticks);
  }
}
