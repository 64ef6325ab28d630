import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCommand } from '../wire/index.ts';
import { OrderFlow, type Ask } from './order-flow.ts';

function take(flow: OrderFlow, count: number): readonly Ask[] {
  return Array.from({ length: count }, () => {
    const ask = flow.next();
    if (ask.kind === 'new') flow.acknowledged(ask.clientOrderId);
    return ask;
  });
}

test('the same seed asks the same, another seed something else', () => {
  const [one, again, other] = [7, 7, 8].map((seed) => take(new OrderFlow(seed, 'c'), 500));
  assert.deepEqual(one, again);
  assert.notDeepEqual(one, other);
});

test('every order is one that the exchange takes, ids are never used twice, and no order is cancelled twice', () => {
  const asks = take(new OrderFlow(1, 'c1'), 20_000);
  const orders = asks.filter((ask) => ask.kind === 'new');
  for (const { body } of orders) {
    const command = parseCommand({ op: 'new', ...(JSON.parse(body) as object) });
    assert.ok(command.op === 'new' && (command.type === 'market' || Math.abs(command.ticks - 10_000) < 1000));
  }
  assert.equal(new Set(orders.map((order) => order.clientOrderId)).size, orders.length);
  const cancels = asks.flatMap((ask) => (ask.kind === 'cancel' ? [ask.clientOrderId] : []));
  assert.equal(new Set(cancels).size, cancels.length);
  for (const kind of ['new', 'cancel', 'order', 'book'] as const) {
    assert.ok(asks.filter((ask) => ask.kind === kind).length > 2000, kind);
  }
});

test('nothing is cancelled or asked for that was not acknowledged', () => {
  const flow = new OrderFlow(1, 'c');
  assert.ok(Array.from({ length: 500 }, () => flow.next()).every((ask) => ask.kind === 'new' || ask.kind === 'book'));
});
