import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MalformedCommand, parseCommand } from './index.ts';

const order = { op: 'new', clientOrderId: 'c-1', account: 'house', side: 'buy', type: 'limit', ticks: 100, lots: 5 };

test('each command is read as it was written', () => {
  for (const command of [order, { op: 'cancel', clientOrderId: 'c-1' }, { op: 'order', clientOrderId: 'c-1' }, { op: 'book', depth: 3 }]) {
    assert.deepEqual(parseCommand(JSON.parse(JSON.stringify(command))), command);
  }
});

test('a market order has no price', () => {
  const { ticks: _ticks, ...market } = { ...order, type: 'market' };
  assert.deepEqual(parseCommand(market), { ...market, ticks: 0 });
  assert.throws(() => parseCommand({ ...order, type: 'market' }), /ticks: a market order has no price, got 100/);
});

const bad: readonly (readonly [what: string, value: unknown, message: RegExp])[] = [
  ['no object', 'new', /expected an object/],
  ['a list', [], /expected an object/],
  ['no operation', {}, /op: expected new or cancel or order or book, got nothing/],
  ['an unknown operation', { op: 'amend' }, /got "amend"/],
  ['an unknown field', { ...order, price: 1 }, /price: no such field; expected clientOrderId, account, side, type, ticks, lots/],
  ['a side that is none', { ...order, side: 'BUY' }, /side: expected buy or sell, got "BUY"/],
  ['a fraction of a tick', { ...order, ticks: 1.5 }, /ticks: expected a whole number from 1 to 1048575, got 1.5/],
  ['a price beyond the ladder', { ...order, ticks: 1_048_576 }, /ticks/],
  ['a price of zero', { ...order, ticks: 0 }, /ticks/],
  ['lots as text', { ...order, lots: '5' }, /lots: .* got "5"/],
  ['no lots', { ...order, lots: 0 }, /lots/],
  ['lots that overflow a row', { ...order, lots: 2 ** 31 }, /lots/],
  ['an id with a newline', { ...order, clientOrderId: 'a\nb' }, /clientOrderId: expected 1 to 64 letters/],
  ['an empty id', { op: 'cancel', clientOrderId: '' }, /clientOrderId/],
  ['a long id', { op: 'order', clientOrderId: 'x'.repeat(65) }, /clientOrderId/],
  ['no depth', { op: 'book' }, /depth: expected a whole number from 1 to 100, got nothing/],
];
for (const [what, value, message] of bad) {
  test(`refused with the name of the field: ${what}`, () => {
    assert.throws(
      () => parseCommand(value),
      (error) => error instanceof MalformedCommand && message.test(error.message),
    );
  });
}
