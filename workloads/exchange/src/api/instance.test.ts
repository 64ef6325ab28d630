import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { Answer, Command } from '../wire/index.ts';
import { serveControl } from './control-server.ts';
import { EngineUnreachable } from './engine-link.ts';
import { ApiInstance, type EnginePort } from './instance.ts';
import { readApiSettings } from './settings.ts';

type Steered = EnginePort & { state: EnginePort['state']; answer: (command: Command) => Promise<Answer> };

async function start(environment: Readonly<Record<string, string>> = {}) {
  const engine: Steered = {
    state: 'up',
    pending: 0,
    answer: async () => ({ kind: 'cancelled', lots: 1 }),
    ask: async (command) => engine.answer(command),
  };
  const settings = readApiSettings({
    PORT: '0',
    ENGINE_ADDRESS: '127.0.0.1:1',
    SLUICE_VERSION: '1.2.3',
    SLUICE_DIGEST: 'sha256:abc',
    ...environment,
  });
  const instance = new ApiInstance(settings, engine);
  const port = await instance.listen(0, '127.0.0.1');
  const send = async (path: string, init?: RequestInit): Promise<Response> => fetch(`http://127.0.0.1:${port}${path}`, init);
  return { engine, instance, port, send, [Symbol.asyncDispose]: async () => instance.close() };
}

test('health follows the engine: 503 while starting and when it is lost, 200 when it is up', async () => {
  await using api = await start();
  for (const [state, status] of [
    ['starting', 503],
    ['up', 200],
    ['lost', 503],
  ] as const) {
    api.engine.state = state;
    assert.equal((await api.send('/health')).status, status);
  }
});

test('it says who it is, and every answer carries its version', async () => {
  await using api = await start();
  assert.deepEqual(await (await api.send('/version')).json(), { service: 'api', version: '1.2.3', digest: 'sha256:abc' });
  for (const path of ['/health', '/version', '/metrics', '/book', '/nowhere', '//']) {
    assert.equal((await api.send(path)).headers.get('x-exchange-version'), '1.2.3', path);
  }
});

test('draining turns health to 503, closes connections after their answer, still answers, and can be taken back', async () => {
  await using api = await start();
  api.instance.drain();
  const health = await api.send('/health');
  assert.equal(health.status, 503);
  assert.deepEqual(await health.json(), { status: 'draining', draining: true, sessions: 0, openOrders: 0 });
  const late = await api.send('/orders/a', { method: 'DELETE' });
  assert.equal(late.status, 200);
  assert.equal(late.headers.get('connection'), 'close');
  api.instance.resume();
  assert.equal((await api.send('/health')).status, 200);
});

test('closing waits for the request in flight and answers it', async () => {
  const api = await start();
  const answer = Promise.withResolvers<Answer>();
  const asked = Promise.withResolvers<void>();
  api.engine.answer = async () => (asked.resolve(), answer.promise);
  const flight = api.send('/book');
  await asked.promise;
  assert.equal(api.instance.health().sessions, 1);
  const closed = api.instance.close();
  answer.resolve({ kind: 'book', sequence: 7, bids: [], asks: [] });
  assert.deepEqual(await (await flight).json(), { sequence: 7, bids: [], asks: [] });
  await closed;
  assert.equal(api.instance.health().sessions, 0);
});

test('a connection on which nothing is asked does not hold up the exit', async () => {
  const api = await start();
  const idle = connect(api.port, '127.0.0.1').on('error', () => {});
  const half = connect(api.port, '127.0.0.1').on('error', () => {});
  half.write('GET /book HTTP/1.1\r\n');
  await Promise.all([once(idle, 'connect'), once(half, 'connect'), api.send('/version')]);
  await api.instance.close();
});

test('an engine out of reach is a 503 that says what to do, a fault of the api a 500 without details', async (context) => {
  await using api = await start();
  api.engine.answer = async () => Promise.reject(new EngineUnreachable('the engine at x did not answer within 5 ms'));
  const away = await api.send('/book');
  assert.equal(away.status, 503);
  assert.match(((await away.json()) as { message: string }).message, /send the same clientOrderId again/);
  const log = context.mock.method(console, 'error', () => {});
  api.engine.answer = async () => Promise.reject(new Error('secret of the house'));
  const broken = await api.send('/book');
  assert.equal(broken.status, 500);
  assert.doesNotMatch(await broken.text(), /secret/);
  assert.match(String(log.mock.calls[0]?.arguments[0]), /secret of the house/);
});

test('an oversized body is refused, garbage and half a request leave the server standing', async () => {
  await using api = await start();
  assert.equal((await api.send('/orders', { method: 'POST', body: 'x'.repeat(5000) })).status, 413);
  for (const text of ['GARBAGE\r\n\r\n', 'POST /orders HTTP/1.1\r\nhost: a\r\ncontent-length: 50\r\n\r\n{"half":']) {
    const socket = connect(api.port, '127.0.0.1');
    socket.resume().on('error', () => {});
    socket.end(text);
    await once(socket, 'close');
  }
  assert.equal((await api.send('/version')).status, 200);
});

test('metrics count what was answered', async () => {
  await using api = await start();
  await (await api.send('/nowhere')).text();
  const page = await (await api.send('/metrics')).text();
  assert.match(page, /http_requests_total{status="404"} 1/);
});

test('only the holder of the token drains, on the control endpoint only', async () => {
  await using api = await start();
  const control = await serveControl({ host: '127.0.0.1', port: 0 }, 'secret', api.instance);
  const bound = control.address();
  assert.ok(typeof bound === 'object' && bound !== null);
  const ask = async (method: string, path: string, authorization = 'Bearer secret'): Promise<number> =>
    (await fetch(`http://127.0.0.1:${bound.port}${path}`, { method, headers: { authorization, connection: 'close' } })).status;
  assert.equal(await ask('POST', '/drain', 'Bearer wrong'), 401);
  assert.equal(await ask('POST', '/drain', ''), 401);
  assert.equal((await api.send('/drain', { method: 'POST' })).status, 404);
  assert.equal(api.instance.health().draining, false);
  assert.equal(await ask('POST', '/drain'), 200);
  assert.equal(await ask('GET', '/health'), 200);
  assert.equal(api.instance.health().draining, true);
  assert.equal(await ask('DELETE', '/drain'), 200);
  assert.equal(api.instance.health().draining, false);
  assert.equal(await ask('GET', '/drain'), 404);
  control.close();
});

test('a control endpoint without a token is refused at start', () => {
  assert.throws(
    () => readApiSettings({ PORT: '0', ENGINE_ADDRESS: 'a:1', SLUICE_CONTROL: '127.0.0.1:0' }),
    /SLUICE_CONTROL_TOKEN: is required when SLUICE_CONTROL is set/,
  );
});
