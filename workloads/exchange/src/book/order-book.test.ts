import assert from 'node:assert/strict';
import { test } from 'node:test';
import { END_TICK, EventDigest, OrderBook } from './index.ts';

type Event = readonly [what: 'traded' | 'rested' | 'cancelled', ...numbers: number[]];

function record(): { readonly book: OrderBook; readonly events: Event[] } {
  const events: Event[] = [];
  const book = new OrderBook({
    traded: (maker, taker, ticks, lots) => void events.push(['traded', maker, taker, ticks, lots]),
    rested: (order, ticks, lots) => void events.push(['rested', order, ticks, lots]),
    cancelled: (order, lots) => void events.push(['cancelled', order, lots]),
  });
  return { book, events };
}

test('a limit order that crosses nothing rests and makes the price', () => {
  const { book, events } = record();
  const order = book.place('buy', 'limit', 100, 5);
  assert.deepEqual(events, [['rested', order, 100, 5]]);
  assert.equal(book.bestBid, 100);
  assert.equal(book.bestAsk, END_TICK);
});

test('the best price trades first, at the price of the resting order', () => {
  const { book, events } = record();
  const far = book.place('sell', 'limit', 102, 5);
  const near = book.place('sell', 'limit', 101, 5);
  const taker = book.place('buy', 'limit', 103, 7);
  assert.deepEqual(events.slice(2), [
    ['traded', near, taker, 101, 5],
    ['traded', far, taker, 102, 2],
  ]);
  assert.deepEqual(book.levels('sell', 10), [[102, 3]]);
});

test('at one price the oldest order trades first, and keeps its place after a partial fill', () => {
  const { book, events } = record();
  const first = book.place('buy', 'limit', 100, 4);
  const second = book.place('buy', 'limit', 100, 4);
  const one = book.place('sell', 'ioc', 100, 1);
  const two = book.place('sell', 'ioc', 100, 5);
  assert.deepEqual(events.slice(2), [
    ['traded', first, one, 100, 1],
    ['traded', first, two, 100, 3],
    ['traded', second, two, 100, 2],
  ]);
});

test('what a limit order cannot trade rests on its own side', () => {
  const { book, events } = record();
  const maker = book.place('sell', 'limit', 100, 3);
  const taker = book.place('buy', 'limit', 101, 10);
  assert.deepEqual(events.slice(1), [
    ['traded', maker, taker, 100, 3],
    ['rested', taker, 101, 7],
  ]);
  assert.equal(book.bestBid, 101);
});

test('what an ioc or a market order cannot trade is cancelled and never rests', () => {
  const { book, events } = record();
  const ioc = book.place('buy', 'ioc', 100, 3);
  const market = book.place('sell', 'market', 0, 4);
  assert.deepEqual(events, [
    ['cancelled', ioc, 3],
    ['cancelled', market, 4],
  ]);
  assert.equal(book.bestBid, 0);
});

test('a market order sweeps every level of the other side', () => {
  const { book } = record();
  book.place('sell', 'limit', 1, 1);
  book.place('sell', 'limit', END_TICK - 1, 1);
  book.place('buy', 'market', 0, 2);
  assert.equal(book.bestAsk, END_TICK);
});

test('cancel takes out first, middle and last of a level and leaves the others in their order', () => {
  const { book, events } = record();
  const orders = [1, 2, 3, 4, 5].map((lots) => book.place('buy', 'limit', 100, lots));
  for (const index of [0, 2, 4]) assert.equal(book.cancel(orders[index]!), index + 1);
  assert.deepEqual(book.levels('buy', 5), [[100, 6]]);
  const taker = book.place('sell', 'ioc', 100, 6);
  assert.deepEqual(events.slice(-2), [
    ['traded', orders[1], taker, 100, 2],
    ['traded', orders[3], taker, 100, 4],
  ]);
});

test('cancelling a filled, a cancelled or an unknown order changes nothing', () => {
  const { book, events } = record();
  const maker = book.place('buy', 'limit', 100, 1);
  book.place('sell', 'limit', 100, 1);
  const before = events.length;
  assert.equal(book.cancel(maker), 0);
  assert.equal(book.cancel(999_999), 0);
  assert.equal(events.length, before);
});

test('after the best level is emptied the next one makes the price', () => {
  const { book } = record();
  book.place('buy', 'limit', 90, 1);
  const best = book.place('buy', 'limit', 95, 1);
  book.cancel(best);
  assert.equal(book.bestBid, 90);
  assert.deepEqual(book.levels('buy', 5), [[90, 1]]);
});

test('the table of orders grows without losing one', () => {
  const { book } = record();
  const orders = Array.from({ length: 5000 }, (_, index) => book.place('buy', 'limit', 1 + index, 1));
  assert.deepEqual(book.levels('buy', 1), [[5000, 1]]);
  assert.equal(
    orders.reduce((lots, order) => lots + book.cancel(order), 0),
    5000,
  );
  assert.equal(book.bestBid, 0);
});

test('ten thousand operations give this digest, on every machine and in every version of the book', () => {
  const digest = new EventDigest();
  const book = new OrderBook(digest);
  let state = 42;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return (state >>> 8) % below;
  };
  const types = ['limit', 'limit', 'limit', 'ioc', 'market'] as const;
  for (let n = 1; n <= 10_000; n++) {
    if (random(3) === 0) book.cancel(1 + random(n));
    else book.place(random(2) === 0 ? 'buy' : 'sell', types[random(5)]!, 900 + random(200), 1 + random(50));
  }
  assert.equal(digest.hex(), '29b0b36d1c710e75de2e8e348b24464f7e494f4724d0db5f14f3d34923bdffa7');
});
