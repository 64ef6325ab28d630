import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { EventDigest, OrderBook, type OrderType, type Side } from './index.ts';

type Input =
  | { readonly op: 'place'; readonly side: Side; readonly type: OrderType; readonly ticks: number; readonly lots: number }
  | { readonly op: 'cancel'; readonly nth: number };

const place = fc.record({
  op: fc.constant('place' as const),
  side: fc.constantFrom<Side>('buy', 'sell'),
  type: fc.constantFrom<OrderType>('limit', 'limit', 'limit', 'ioc', 'market'),
  ticks: fc.oneof(fc.integer({ min: 95, max: 105 }), fc.integer({ min: 1, max: 1_048_575 })),
  lots: fc.integer({ min: 1, max: 20 }),
});
const cancel = fc.record({ op: fc.constant('cancel' as const), nth: fc.nat({ max: 200 }) });
const inputs = fc.array(fc.oneof({ weight: 3, arbitrary: place }, { weight: 1, arbitrary: cancel }), { maxLength: 200 });

type Trade = { readonly maker: number; readonly taker: number; readonly ticks: number; readonly lots: number };

/** A book, and beside it everything it said it did. */
class Observed {
  readonly trades: Trade[] = [];
  readonly digest = new EventDigest();
  readonly submitted = new Map<number, Extract<Input, { op: 'place' }>>();
  readonly traded = new Map<number, number>();
  readonly cancelled = new Map<number, number>();
  readonly book = new OrderBook({
    traded: (maker, taker, ticks, lots) => {
      this.digest.traded(maker, taker, ticks, lots);
      this.trades.push({ maker, taker, ticks, lots });
      for (const order of [maker, taker]) this.traded.set(order, (this.traded.get(order) ?? 0) + lots);
    },
    rested: (order, ticks, lots) => this.digest.rested(order, ticks, lots),
    cancelled: (order, lots) => {
      this.digest.cancelled(order, lots);
      this.cancelled.set(order, (this.cancelled.get(order) ?? 0) + lots);
    },
  });

  apply(input: Input): void {
    if (input.op === 'cancel') this.book.cancel(input.nth);
    else this.submitted.set(this.submitted.size + 1, input);
    if (input.op === 'place') this.book.place(input.side, input.type, input.ticks, input.lots);
  }
}

test('the book is never crossed', () => {
  fc.assert(
    fc.property(inputs, (log) => {
      const observed = new Observed();
      for (const input of log) {
        observed.apply(input);
        assert.ok(observed.book.bestBid < observed.book.bestAsk);
      }
    }),
  );
});

test('quantity is conserved: submitted = traded + cancelled + resting, per order and per level', () => {
  fc.assert(
    fc.property(inputs, (log) => {
      const observed = new Observed();
      for (const input of log) observed.apply(input);
      const levels = new Map<number, number>();
      for (const [order, { ticks, lots }] of observed.submitted) {
        const resting = observed.book.open(order);
        assert.equal(lots, (observed.traded.get(order) ?? 0) + (observed.cancelled.get(order) ?? 0) + resting);
        if (resting > 0) levels.set(ticks, (levels.get(ticks) ?? 0) + resting);
      }
      const shown = [...observed.book.levels('buy', 1000), ...observed.book.levels('sell', 1000)];
      assert.deepEqual(new Map(shown), levels);
    }),
  );
});

test('priority is kept: a slow book that sorts by price and time before each trade trades exactly the same', () => {
  fc.assert(
    fc.property(inputs, (log) => {
      const observed = new Observed();
      for (const input of log) observed.apply(input);
      assert.deepEqual(observed.trades, sortedTrades(log));
    }),
  );
});

test('deterministic: the same input log gives the same output digest, another one does not', () => {
  fc.assert(
    fc.property(inputs, (log) => {
      const digests = [log, log, [...log, { op: 'place', side: 'buy', type: 'limit', ticks: 1, lots: 1 } as const]].map((each) => {
        const observed = new Observed();
        for (const input of each) observed.apply(input);
        return observed.digest.hex();
      });
      assert.equal(digests[0], digests[1]);
      assert.notEqual(digests[0], digests[2]);
    }),
  );
});

test('the digest of a long log does not depend on when it is read', () => {
  const once = new EventDigest();
  const often = new EventDigest();
  for (let order = 1; order < 5000; order++) {
    once.rested(order, 100, 1);
    often.rested(order, 100, 1);
    if (order % 97 === 0) often.hex();
  }
  assert.equal(once.hex(), often.hex());
});

/** The rule itself, with no data structure to get wrong. */
function sortedTrades(log: readonly Input[]): readonly Trade[] {
  type Resting = { readonly order: number; readonly side: Side; readonly ticks: number; lots: number };
  let resting: Resting[] = [];
  const trades: Trade[] = [];
  let order = 0;
  for (const input of log) {
    if (input.op === 'cancel') resting = resting.filter((each) => each.order !== input.nth);
    else {
      order++;
      let { lots } = input;
      const better = input.side === 'buy' ? 1 : -1;
      const reaches = (ticks: number): boolean => input.type === 'market' || ticks * better <= input.ticks * better;
      const makers = resting
        .filter((each) => each.side !== input.side && reaches(each.ticks))
        .toSorted((a, b) => (a.ticks - b.ticks) * better || a.order - b.order);
      for (const maker of makers) {
        const traded = Math.min(lots, maker.lots);
        if (traded > 0) trades.push({ maker: maker.order, taker: order, ticks: maker.ticks, lots: traded });
        maker.lots -= traded;
        lots -= traded;
      }
      resting = resting.filter((each) => each.lots > 0);
      if (input.type === 'limit' && lots > 0) resting.push({ order, side: input.side, ticks: input.ticks, lots });
    }
  }
  return trades;
}
