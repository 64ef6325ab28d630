import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Program, scratch, startApi, startEngine } from './rig.ts';

test('orders are placed, traded, cancelled and shown over HTTP, and survive a restart of the engine', async () => {
  using folder = scratch();
  const { engine, port } = await startEngine(folder.path);
  const { api, client } = await startApi(port);
  await using _api = api;

  assert.equal((await client.place('bid')).status, 201);
  const taken = await client.place('hit', { side: 'sell', type: 'ioc', lots: 4 });
  assert.deepEqual(taken.body['fills'], [{ ticks: 10_000, lots: 4 }]);
  const first = await client.send('DELETE', '/orders/bid');
  assert.deepEqual(first, { status: 200, body: { clientOrderId: 'bid', lots: 6 } });
  const shown = await client.send('GET', '/orders/bid');
  assert.deepEqual([shown.body['executed'], shown.body['open'], shown.body['cancelled']], [4, 0, 6]);
  await client.place('rests', { side: 'sell', ticks: 10_001 });
  const book = await client.send('GET', '/book');
  assert.deepEqual(book.body['asks'], [[10_001, 10]]);

  assert.deepEqual(await engine.stop(), { code: 0, signal: null });
  await using successor = new Program('engine', { PORT: port, JOURNAL_DIR: folder.path });
  assert.equal((await successor.line(0))['replayed'], 4);
  assert.deepEqual(await client.send('GET', '/book'), book);
  assert.deepEqual(await client.send('DELETE', '/orders/bid'), first);
  assert.deepEqual(await client.place('hit', { side: 'sell', type: 'ioc', lots: 4 }), taken);
  assert.equal((await client.place('hit', { side: 'sell', type: 'ioc', lots: 5 })).status, 409);

  const digest = (await successor.line(0), await successor.stop(), (await successor.line(-1))['digest']);
  assert.equal(digest, (await engine.line(-1))['digest']);
  client.close();
  assert.deepEqual(await api.stop(), { code: 0, signal: null });
});

test('without an engine the api is not healthy, and answers 503 only after its deadline', async () => {
  using folder = scratch();
  const { engine, port } = await startEngine(folder.path);
  const { api, client } = await startApi(port, { ENGINE_DEADLINE_MS: '50' });
  await using _api = api;
  await engine.stop('SIGKILL');
  const away = await client.place('a');
  assert.equal(away.status, 503);
  assert.match(String(away.body['message']), /send the same clientOrderId again/);
  while ((await client.send('GET', '/health')).status !== 503) await new Promise(setImmediate);
  await using successor = new Program('engine', { PORT: port, JOURNAL_DIR: folder.path });
  await successor.port();
  while ((await client.send('GET', '/health')).status !== 200) await new Promise(setImmediate);
  assert.ok([201, 503].includes((await client.place('a')).status));
  client.close();
});

test('limits come from the environment, and bind', async () => {
  using folder = scratch();
  const { engine, port } = await startEngine(folder.path);
  await using _engine = engine;
  const { api, client } = await startApi(port, {
    MAX_ORDER_LOTS: '5',
    REFERENCE_TICKS: '100',
    COLLAR_TICKS: '10',
    MAX_ORDERS_PER_SECOND: '1',
  });
  await using _api = api;
  assert.equal((await client.place('a', { account: 'a', ticks: 100, lots: 6 })).body['error'], 'order-size');
  assert.equal((await client.place('b', { account: 'b', ticks: 111, lots: 5 })).body['error'], 'price-collar');
  const burst = await Promise.all(
    Array.from({ length: 20 }, (_, index) => client.place(`c${index}`, { account: 'c', ticks: 100, lots: 5 })),
  );
  assert.ok(burst.some(({ status }) => status === 429));
  client.close();
});

test('engine and api refuse to start on a bad environment, with one line and exit code 2', async () => {
  for (const part of ['engine', 'api']) {
    await using program = new Program(part, { PORT: 'http' });
    assert.deepEqual(await program.exited, { code: 2, signal: null });
    assert.match(program.stderr, new RegExp(`^${part}: PORT: expected a whole number from 0 to 65535, got "http"; [^\\n]*\\n$`));
  }
});

test('the engine tells a supervisor that speaks HTTP that it is ready', async () => {
  using folder = scratch();
  const control = `${folder.path}/control.sock`;
  const { engine } = await startEngine(folder.path, { SLUICE_CONTROL: control });
  await using _engine = engine;
  const { request } = await import('node:http');
  const status = await new Promise((resolve, reject) => {
    request({ socketPath: control, path: '/health' }, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end();
  });
  assert.equal(status, 200);
});
