import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { OpenLoop } from './open-loop.ts';
import { OrderFlow } from './order-flow.ts';
import { RequestLog, type LogLine } from './request-log.ts';

type Served = {
  readonly total: Awaited<ReturnType<OpenLoop['run']>>;
  readonly lines: readonly LogLine[];
  readonly second: { readonly sent: number };
};

/** Runs ten requests against a server that does with each answer what the test wants. */
async function tenAgainst(answer: (response: ServerResponse, held: ServerResponse[], load: OpenLoop) => void): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), 'exchange-client-'));
  const held: ServerResponse[] = [];
  const server = createServer((request, response) => {
    request.resume();
    answer(response, held, load);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const bound = server.address();
  assert.ok(typeof bound === 'object' && bound !== null);
  const log = await RequestLog.open(join(folder, 'log'));
  const load = new OpenLoop({ url: new URL(`http://127.0.0.1:${bound.port}`), rate: 1000, durationS: 0.01 }, new OrderFlow(1, 'c'), log);
  try {
    const total = await load.run();
    await log.close();
    const lines = readFileSync(join(folder, 'log'), 'utf8').trimEnd().split('\n');
    return { total, second: load.takeSecond(), lines: lines.map((line) => JSON.parse(line) as LogLine) };
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
}

test('requests go out on schedule while not one of them is answered, and latency counts from the schedule', async () => {
  const { total, lines, second } = await tenAgainst((response, held) => {
    held.push(response);
    if (held.length === 10) for (const each of held) each.writeHead(200, { 'x-exchange-version': '1.0.0' }).end();
  });
  assert.deepEqual([total.sent, total.ok, second.sent], [10, 10, 10]);
  assert.deepEqual(
    lines.map((line) => line.intended).toSorted((a, b) => a - b),
    [0, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000],
  );
  for (const line of lines) assert.ok(line.intended <= line.sent && line.sent <= line.finished);
  const first = lines.find((line) => line.intended === 0);
  assert.ok(first !== undefined && first.finished >= 9000, 'the first waited until the last was due');
});

test('a connection that breaks is one transport failure per request, and no request is sent again', async () => {
  let requests = 0;
  const { total, lines } = await tenAgainst((response) => {
    requests++;
    response.destroy();
  });
  assert.deepEqual([requests, total.transportFailures, total.ok, total.faulty], [10, 10, 0, 0]);
  assert.ok(lines.every((line) => 'error' in line));
});

test('faults and answers without a version are counted where they belong', async () => {
  let requests = 0;
  const { total } = await tenAgainst((response) => {
    const faulty = ++requests % 2 === 0;
    response.writeHead(faulty ? 502 : 409, faulty ? {} : { 'x-exchange-version': '1.0.0' }).end();
  });
  assert.deepEqual([total.ok, total.faulty, total.byVersion['none']?.faulty, total.byVersion['1.0.0']?.ok], [5, 5, 5, 5]);
});

test('asked to stop it sends no more, and waits for what is under way', async () => {
  const { total } = await tenAgainst((response, held, load) => {
    load.stop();
    setImmediate(() => response.writeHead(200).end());
    held.push(response);
  });
  assert.equal(total.ok, total.sent);
});
