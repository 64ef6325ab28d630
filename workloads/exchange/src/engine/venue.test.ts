import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Answer, ChangeCommand, NewOrder } from '../wire/index.ts';
import { replayInto, ReplayDiffers } from './replay.ts';
import { Venue } from './venue.ts';

const order = (clientOrderId: string, more: Partial<NewOrder> = {}): NewOrder => ({
  op: 'new',
  clientOrderId,
  account: 'house',
  side: 'buy',
  type: 'limit',
  ticks: 100,
  lots: 10,
  ...more,
});

test('a new order is answered with what the book did to it', () => {
  const venue = new Venue();
  venue.apply(order('a', { side: 'sell', lots: 4 }));
  assert.deepEqual(venue.apply(order('b')), {
    changed: true,
    answer: { kind: 'placed', order: 2, executed: 4, open: 6, cancelled: 0, fills: [{ ticks: 100, lots: 4 }] },
  });
  assert.deepEqual(venue.apply({ op: 'book', depth: 5 }).answer, { kind: 'book', sequence: 2, bids: [[100, 6]], asks: [] });
});

test('a command sent again gets its first answer and is not executed a second time', () => {
  const venue = new Venue();
  const first = venue.apply(order('a'));
  venue.apply(order('b', { side: 'sell', lots: 4 }));
  const digest = venue.digest;
  assert.deepEqual(venue.apply(order('a')), { changed: false, answer: first.answer });
  const cancelled = venue.apply({ op: 'cancel', clientOrderId: 'a' });
  assert.deepEqual(cancelled.answer, { kind: 'cancelled', lots: 6 });
  assert.notEqual(venue.digest, digest);
  assert.deepEqual(venue.apply({ op: 'cancel', clientOrderId: 'a' }), { changed: false, answer: cancelled.answer });
  assert.equal(venue.sequence, 3);
});

test('an id that already names another order is refused', () => {
  const venue = new Venue();
  venue.apply(order('a'));
  for (const other of [{ lots: 11 }, { ticks: 101 }, { side: 'sell' }, { type: 'ioc' }, { account: 'other' }] as const) {
    const { changed, answer } = venue.apply(order('a', other));
    assert.equal(changed, false);
    assert.equal(answer.kind === 'refused' ? answer.code : answer.kind, 'id-taken');
  }
});

test('cancelling what is unknown or closed is refused and changes nothing', () => {
  const venue = new Venue();
  venue.apply(order('gone', { type: 'ioc' }));
  const codes = ['nobody', 'gone'].map((clientOrderId) => venue.apply({ op: 'cancel', clientOrderId }));
  assert.deepEqual(
    codes.map(({ changed, answer }) => [changed, answer.kind === 'refused' ? answer.code : answer.kind]),
    [
      [false, 'unknown-order'],
      [false, 'order-closed'],
    ],
  );
});

test('an order is shown as it stands now: executed, open and cancelled add up to its lots', () => {
  const venue = new Venue();
  venue.apply(order('a'));
  venue.apply(order('b', { side: 'sell', lots: 3 }));
  venue.apply({ op: 'cancel', clientOrderId: 'a' });
  assert.deepEqual(venue.apply({ op: 'order', clientOrderId: 'a' }).answer, {
    kind: 'order',
    order: 1,
    account: 'house',
    side: 'buy',
    type: 'limit',
    ticks: 100,
    lots: 10,
    executed: 3,
    open: 0,
    cancelled: 7,
  });
  assert.equal(venue.apply({ op: 'order', clientOrderId: 'nobody' }).answer.kind, 'refused');
});

const ids = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const change: fc.Arbitrary<ChangeCommand> = fc.oneof(
  fc.record({
    op: fc.constant('new' as const),
    clientOrderId: ids,
    account: fc.constant('house'),
    side: fc.constantFrom('buy' as const, 'sell' as const),
    type: fc.constantFrom('limit' as const, 'ioc' as const),
    ticks: fc.integer({ min: 99, max: 101 }),
    lots: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({ op: fc.constant('cancel' as const), clientOrderId: ids }),
);

test('repeating any commands any number of times leaves the same book as sending each once', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(change, fc.integer({ min: 1, max: 3 })), { maxLength: 40 }), (commands) => {
      const once = new Venue();
      const often = new Venue();
      for (const [command, times] of commands) {
        const answer = once.apply(command).answer;
        for (let time = 0; time < times; time++) assert.deepEqual(often.apply(command).answer, answer);
      }
      assert.equal(often.digest, once.digest);
      assert.equal(often.sequence, once.sequence);
    }),
  );
});

test('a replay of the changes gives the same book, and the same answers to commands sent again', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (commands) => {
      const live = new Venue();
      const replayed = new Venue();
      const replay = replayInto(replayed);
      for (const command of commands) {
        const { changed, answer } = live.apply(command);
        if (changed) replay({ seq: live.sequence, command, answer: JSON.parse(JSON.stringify(answer)) as Answer });
      }
      assert.equal(replayed.digest, live.digest);
      for (const command of commands) assert.deepEqual(replayed.apply(command), live.apply(command));
    }),
  );
});

test('a venue that matches differently from the one that wrote the journal refuses to take over', () => {
  const replay = replayInto(new Venue());
  const answer = { kind: 'placed', order: 1, executed: 10, open: 0, cancelled: 0, fills: [] } as const;
  assert.throws(
    () => replay({ seq: 1, command: order('a'), answer }),
    (error) => error instanceof ReplayDiffers && /record 1 .*start the engine version/.test(error.message),
  );
});
