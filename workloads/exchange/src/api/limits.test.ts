import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NewOrder } from '../wire/index.ts';
import { PreTradeLimits } from './limits.ts';

const settings = { maxOrderLots: 100, referenceTicks: 1000, collarTicks: 50, maxOrdersPerSecond: 10 };
const order: NewOrder = { op: 'new', clientOrderId: 'a', account: 'house', side: 'buy', type: 'limit', ticks: 1000, lots: 100 };

function limits(): { readonly code: (more?: Partial<NewOrder>) => string | undefined; readonly pass: (ms: number) => void } {
  let now = 0;
  const checked = new PreTradeLimits(settings, () => now);
  return { code: (more) => checked.check({ ...order, ...more })?.code, pass: (ms) => void (now += ms) };
}

test('an order at each limit passes and one beyond it is refused', () => {
  const { code } = limits();
  assert.equal(code({ lots: 100 }), undefined);
  assert.equal(code({ lots: 101 }), 'order-size');
  assert.equal(code({ ticks: 950 }), undefined);
  assert.equal(code({ ticks: 1050 }), undefined);
  assert.equal(code({ ticks: 949 }), 'price-collar');
  assert.equal(code({ ticks: 1051, type: 'ioc' }), 'price-collar');
});

test('a market order has no price to be outside the collar', () => {
  assert.equal(limits().code({ type: 'market', ticks: 0 }), undefined);
});

test('the order after the last allowed one is refused, per account, until time has passed', () => {
  const { code, pass } = limits();
  for (let sent = 0; sent < 10; sent++) assert.equal(code(), undefined);
  assert.equal(code(), 'order-rate');
  assert.equal(code({ account: 'other' }), undefined);
  pass(99);
  assert.equal(code(), 'order-rate');
  pass(1);
  assert.equal(code(), undefined);
  pass(60_000);
  for (let sent = 0; sent < 10; sent++) assert.equal(code(), undefined);
  assert.equal(code(), 'order-rate');
});

test('many accounts do not fill the memory, and none gains an order by it', () => {
  const { code, pass } = limits();
  for (let sent = 0; sent < 10; sent++) code({ account: 'busy' });
  pass(950);
  for (let n = 0; n < 9; n++) assert.equal(code({ account: 'busy' }), undefined);
  pass(60);
  for (let n = 0; n < 20_000; n++) assert.equal(code({ account: `account-${n}` }), undefined);
  assert.equal(code({ account: 'busy' }), undefined);
  assert.equal(code({ account: 'busy' }), 'order-rate');
});

test('a refused order counts towards the rate', () => {
  const { code } = limits();
  for (let sent = 0; sent < 10; sent++) assert.equal(code({ lots: 101 }), 'order-size');
  assert.equal(code(), 'order-rate');
});
