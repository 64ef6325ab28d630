import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer, Command } from '../wire/index.ts';
import { PreTradeLimits } from './limits.ts';
import { Metrics } from './metrics.ts';
import { answerOrder, type Told } from './order-routes.ts';

const order = { clientOrderId: 'a', account: 'house', side: 'buy', type: 'limit', ticks: 1000, lots: 1 };

/** Routes in front of an engine that gives one answer and remembers what it was asked. */
function routes(answer: Answer) {
  const asked: Command[] = [];
  const trading = {
    engine: { ask: async (command: Command) => (asked.push(command), answer) },
    limits: new PreTradeLimits({ maxOrderLots: 10, referenceTicks: 1000, collarTicks: 10, maxOrdersPerSecond: 3 }, () => 0),
    metrics: new Metrics(),
  };
  const send = async (method: string, path: string, body: unknown = ''): Promise<Told | undefined> =>
    answerOrder({ method, url: new URL(path, 'http://api'), body: typeof body === 'string' ? body : JSON.stringify(body) }, trading);
  return { asked, send, metrics: trading.metrics };
}

const placed = { kind: 'placed', order: 1, executed: 0, open: 1, cancelled: 0, fills: [] } as const;

test('an order that the engine placed is answered 201 with its id', async () => {
  const { asked, send } = routes(placed);
  const told = await send('POST', '/orders', order);
  assert.deepEqual(told, { status: 201, body: { clientOrderId: 'a', order: 1, executed: 0, open: 1, cancelled: 0, fills: [] } });
  assert.deepEqual(asked, [{ op: 'new', ...order }]);
});

test('cancel and queries reach the engine with the id of the path', async () => {
  const { asked, send } = routes({ kind: 'cancelled', lots: 4 });
  assert.deepEqual(await send('DELETE', '/orders/a%3A1'), { status: 200, body: { clientOrderId: 'a:1', lots: 4 } });
  await send('GET', '/orders/b');
  await send('GET', '/book');
  assert.deepEqual(asked.slice(0, 2), [
    { op: 'cancel', clientOrderId: 'a:1' },
    { op: 'order', clientOrderId: 'b' },
  ]);
  assert.equal(asked[2]?.op, 'book');
});

test('each refusal of the engine has its status', async () => {
  for (const [code, status] of [
    ['malformed', 400],
    ['unknown-order', 404],
    ['order-closed', 409],
    ['id-taken', 409],
  ] as const) {
    const told = await routes({ kind: 'refused', code, message: 'why' }).send('DELETE', '/orders/a');
    assert.deepEqual(told, { status, body: { error: code, message: 'why' } });
  }
});

test('an order beyond a limit never reaches the engine and is counted', async () => {
  const { asked, send, metrics } = routes(placed);
  assert.equal((await send('POST', '/orders', { ...order, lots: 11 }))?.status, 422);
  assert.equal((await send('POST', '/orders', { ...order, ticks: 989 }))?.status, 422);
  await send('POST', '/orders', order);
  assert.equal((await send('POST', '/orders', order))?.status, 429);
  assert.equal(asked.length, 1);
  assert.match(metrics.render({}), /limit="price-collar"} 1/);
});

test('a cancel passes when the order rate is used up: it lowers risk', async () => {
  const { send } = routes({ kind: 'cancelled', lots: 1 });
  for (let sent = 0; sent < 5; sent++) await send('POST', '/orders', order);
  assert.equal((await send('DELETE', '/orders/a'))?.status, 200);
});

test('what cannot be read is answered 400 with what is wrong, and unknown paths are left to the caller', async () => {
  const { asked, send } = routes(placed);
  for (const body of ['', '{', '[]', 'null', '{"clientOrderId":"a"}']) assert.equal((await send('POST', '/orders', body))?.status, 400);
  assert.equal((await send('DELETE', '/orders/%ff'))?.status, 400);
  assert.equal((await send('GET', `/orders/${'x'.repeat(65)}`))?.status, 400);
  for (const [method, path] of [
    ['GET', '/'],
    ['PUT', '/orders'],
    ['POST', '/book'],
    ['GET', '/orders/a/b'],
  ] as const) {
    assert.equal(await send(method, path), undefined);
  }
  assert.deepEqual(asked, []);
});
