import { once } from 'node:events';
import { Agent, request, type ClientRequest, type IncomingMessage } from 'node:http';
import { connect, createServer as createTcpServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { api, get, must, RouterTestRig, split, until } from './fixtures/router-rig.ts';

describe('requests through the router', () => {
  test('R-ROLL-04: 2,500 basis points are a quarter of the requests, and each request is counted where it was answered', async () => {
    await using rig = await RouterTestRig.start();
    const blue = await rig.instance((_, res) => res.end('blue'));
    const green = await rig.instance((_, res) => res.end('green'));
    const { port } = await rig.service({ blue: [blue.endpoint], green: [green.endpoint] }, { weights: split(2_500) });
    const agent = new Agent({ keepAlive: true });
    const answers: string[] = [];
    for (let n = 0; n < 400; n += 1) answers.push((await get(port, '/', { agent })).body);
    const greens = answers.filter((answer) => answer === 'green').length;
    expect(Math.abs(greens - 100)).toBeLessThan(25);
    const { counters } = await rig.observe();
    expect([counters.blue.answers, counters.green.answers]).toEqual([400 - greens, greens]);
    agent.destroy();
  });

  test('clients and instances keep their connections, each side its own', async () => {
    await using rig = await RouterTestRig.start();
    let opened = 0;
    const { endpoint, server } = await rig.instance((_, res) => res.end('ok'));
    server.on('connection', () => (opened += 1));
    const { port } = await rig.service({ blue: [endpoint] });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    let reused = 0;
    for (let n = 0; n < 20; n += 1) {
      await new Promise<void>((resolve, reject) => {
        const req = request({ port, agent, host: '127.0.0.1' }, (res) => res.resume().on('end', resolve));
        req.on('error', reject);
        req.on('response', () => (reused += req.reusedSocket ? 1 : 0));
        req.end();
      });
    }
    expect([opened, reused]).toEqual([1, 19]);
    agent.destroy();
  });

  test('a connection that its instance will soon close, as it announces, is not used again', async () => {
    await using rig = await RouterTestRig.start();
    let opened = 0;
    const server = createTcpServer((socket) => {
      opened += 1;
      socket.on('error', () => {});
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nok'));
    });
    const { port } = await rig.service({ blue: [await rig.listening(server)] });
    for (let n = 0; n < 3; n += 1) expect((await get(port)).body).toBe('ok');
    expect(opened).toBe(3);
  });

  test('a stream passes piece by piece, its head before its first piece', async () => {
    await using rig = await RouterTestRig.start();
    let push: (piece: string | undefined) => void = () => {};
    const { endpoint } = await rig.instance((_, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.flushHeaders();
      push = (piece) => (piece === undefined ? res.end() : res.write(piece));
    });
    const { port } = await rig.service({ blue: [endpoint] });
    const req = request({ port, host: '127.0.0.1', agent: false }).end();
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    expect(res.headers['content-type']).toBe('text/event-stream');
    for (const piece of ['data: 1\n\n', 'data: 2\n\n', 'data: 3\n\n']) {
      push(piece);
      const [got] = (await once(res, 'data')) as [Buffer];
      expect(got.toString()).toBe(piece);
    }
    push(undefined);
    await once(res, 'end');
  });

  test('an instance that reads slowly slows its client down; nothing piles up in the router', async () => {
    await using rig = await RouterTestRig.start();
    let start: () => void = () => {};
    let size = 0;
    const { endpoint } = await rig.instance((req, res) => {
      start = () => {
        req.on('data', (chunk: Buffer) => (size += chunk.length));
        req.on('end', () => res.end(String(size)));
      };
    });
    const { port } = await rig.service({ blue: [endpoint] });
    const total = 64 * 1024 * 1024;
    const req = request({ port, host: '127.0.0.1', method: 'POST', agent: false, headers: { 'content-length': total } });
    const chunk = Buffer.alloc(1024 * 1024, 7);
    let offered = 0;
    let stopped = false;
    while (offered < total && !stopped) {
      offered += chunk.length;
      if (!req.write(chunk)) stopped = await Promise.race([once(req, 'drain').then(() => false), quietFor(req)]);
    }
    expect(stopped).toBe(true);
    expect(offered).toBeLessThan(32 * 1024 * 1024);
    start();
    for (; offered < total; offered += chunk.length) if (!req.write(chunk)) await once(req, 'drain');
    req.end();
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    const [answer] = (await once(res, 'data')) as [Buffer];
    expect(answer.toString()).toBe(String(total));
  });

  test('chunked bodies, HEAD, 204, 304 and 100-continue arrive as they were meant', async () => {
    await using rig = await RouterTestRig.start();
    const { endpoint } = await rig.instance((req, res) => {
      if (req.method === 'HEAD') return void res.writeHead(200, { 'content-length': 1234 }).end();
      if (req.url === '/204') return void res.writeHead(204).end();
      if (req.url === '/304') return void res.writeHead(304, { etag: '"x"' }).end();
      let body = '';
      req.on('data', (chunk: Buffer) => (body += chunk.toString()));
      return void req.on('end', () =>
        res.end(`${req.method} ${req.headers['transfer-encoding'] ?? req.headers['content-length'] ?? 'none'} ${body}`),
      );
    });
    const { port } = await rig.service({ blue: [endpoint] });
    const head = await get(port, '/', { method: 'HEAD' });
    expect([head.status, head.headers['content-length'], head.body]).toEqual([200, '1234', '']);
    expect((await get(port, '/204')).status).toBe(204);
    expect((await get(port, '/304')).headers.etag).toBe('"x"');
    expect((await get(port, '/', { method: 'POST' })).body).toBe('POST 0 ');
    expect((await get(port, '/', { method: 'POST', body: 'abc', headers: { 'content-length': '3' } })).body).toBe('POST 3 abc');
    expect((await get(port, '/', { method: 'DELETE', body: 'abc', headers: { 'transfer-encoding': 'chunked' } })).body).toBe(
      'DELETE chunked abc',
    );
    const req = request({
      port,
      host: '127.0.0.1',
      method: 'POST',
      agent: false,
      headers: { expect: '100-continue', 'content-length': 2 },
    });
    req.flushHeaders();
    await once(req, 'continue');
    req.end('hi');
    const [res] = (await once(req, 'response')) as [IncomingMessage];
    const [answer] = (await once(res, 'data')) as [Buffer];
    expect(answer.toString()).toBe('POST 2 hi');
  });

  test('headers of one hop stay there; the address of the client is added', async () => {
    await using rig = await RouterTestRig.start();
    const { endpoint } = await rig.instance((req, res) =>
      res
        .setHeader('connection', 'x-secret')
        .setHeader('x-secret', '1')
        .setHeader('set-cookie', ['a=1', 'b=2'])
        .end(JSON.stringify(req.headers)),
    );
    const { port } = await rig.service({ blue: [endpoint] });
    const answer = await get(port, '/', {
      headers: {
        connection: 'keep-alive, x-hop, host',
        'x-hop': '1',
        te: 'trailers',
        host: 'venue.example',
        'x-forwarded-for': '10.0.0.1',
      },
    });
    const seen = JSON.parse(answer.body) as Record<string, string>;
    expect([seen['x-hop'], seen['te'], seen['host'], seen['x-forwarded-for'], seen['x-forwarded-proto']]).toEqual([
      undefined,
      undefined,
      'venue.example',
      '10.0.0.1, 127.0.0.1',
      'http',
    ]);
    expect([answer.headers['x-secret'], answer.headers['set-cookie']]).toEqual([undefined, ['a=1', 'b=2']]);
  });

  test('what two parsers could read differently is refused, and never reaches an instance', async () => {
    await using rig = await RouterTestRig.start();
    let reached = 0;
    const { endpoint } = await rig.instance((_, res) => res.end(String((reached += 1))));
    const { port } = await rig.service({ blue: [endpoint] });
    const smuggled = [
      'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcde',
      'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n',
      'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
      'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n',
      'GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n',
      'GET / HTTP/1.1\r\n\r\n',
      'GET / HTTP/1.1\r\nhost: a\r\n folded: x\r\n\r\n',
      `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`,
    ];
    for (const bytes of smuggled) {
      const answer = await raw(port, bytes);
      expect([bytes.slice(0, 60), /^HTTP\/1.1 (400|431|501) /.test(answer)]).toEqual([bytes.slice(0, 60), true]);
    }
    expect(reached).toBe(0);
  });

  test('a client that leaves takes its request with it, and is neither an answer nor an error', async () => {
    await using rig = await RouterTestRig.start();
    let gone = 0;
    let arrived = 0;
    const { endpoint } = await rig.instance((_, res) => {
      arrived += 1;
      res.on('close', () => (gone += 1));
    });
    const { port } = await rig.service({ blue: [endpoint] });
    const client = connect({ port, host: '127.0.0.1' }, () => client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n'));
    client.on('error', () => {});
    await until(() => arrived === 1);
    client.resetAndDestroy();
    await until(() => gone === 1);
    await until(async () => (await rig.observe()).counters.blue.inFlight === 0);
    const { blue } = (await rig.observe()).counters;
    expect([blue.answers, blue.errors, blue.abandoned]).toEqual([0, 0, 1]);
    expect(blue.abandonedAfter?.reduce((sum, count) => sum + count, 0)).toBe(1);
  });

  test('a client that only closed its sending side is counted as left after a second without an answer, and still gets it', async () => {
    await using rig = await RouterTestRig.start();
    let answer: () => void = () => {};
    const { endpoint } = await rig.instance((_, res) => (answer = () => res.end('late')));
    const { port } = await rig.service({ blue: [endpoint] });
    let got = '';
    const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => client.end('GET / HTTP/1.1\r\nhost: a\r\n\r\n'));
    client.on('data', (chunk) => (got += chunk.toString()));
    await until(async () => (await rig.observe()).counters.blue.abandoned === 1);
    expect((await rig.observe()).counters.blue.inFlight).toBe(0);
    answer();
    await once(client, 'close');
    expect(got.endsWith('late')).toBe(true);
    const { blue } = (await rig.observe()).counters;
    expect([blue.answers, blue.errors, blue.abandoned]).toEqual([0, 0, 1]);
  });

  test('requests sent in one go are answered one after the other; when their client leaves, those that were not begun never are', async () => {
    await using rig = await RouterTestRig.start();
    const held: (() => void)[] = [];
    const { endpoint } = await rig.instance((req, res) => {
      if (req.url === '/hold') held.push(() => res.end());
      else res.end(req.url);
    });
    const { port } = await rig.service({ blue: [endpoint] });
    const line = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`;
    const last = 'GET /c HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n';
    const answers = await raw(port, line('/a') + line('/b') + last, 'to the end');
    expect(answers.match(/\r\n\r\n\/[abc]/g)).toEqual(['\r\n\r\n/a', '\r\n\r\n/b', '\r\n\r\n/c']);
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(line('/hold').repeat(5)));
    socket.on('error', () => {});
    await until(() => held.length === 1);
    expect((await rig.observe()).counters.blue.inFlight).toBe(1);
    socket.resetAndDestroy();
    await until(async () => (await rig.observe()).counters.blue.inFlight === 0);
    const { blue } = (await rig.observe()).counters;
    expect([blue.answers, blue.errors, blue.abandoned, held.length]).toEqual([3, 0, 1, 1]);
  });

  test('an instance that dies before its answer is a 502 that says so, one that dies within it is no whole answer; both are errors', async () => {
    await using rig = await RouterTestRig.start();
    const { endpoint } = await rig.instance((req, res) => {
      if (req.url === '/before') req.socket.destroy();
      else res.writeHead(200, { 'content-length': 100 }).write('half', () => req.socket.destroy());
    });
    const { port } = await rig.service({ blue: [endpoint] });
    const before = await get(port, '/before', { method: 'POST', body: 'order' });
    expect([before.status, before.headers['x-sluice-router'], JSON.parse(before.body).error.code]).toEqual([502, 'no-answer', 'no-answer']);
    await expect(get(port, '/within')).rejects.toThrow();
    await until(async () => (await rig.observe()).counters.blue.inFlight === 0);
    const { blue } = (await rig.observe()).counters;
    expect([blue.answers, blue.errors]).toEqual([2, 2]);
    expect(blue.firstErrorAt).toBeLessThanOrEqual(blue.lastErrorAt ?? 0);
  });

  test('a GET on a kept connection that the instance closed is asked again once; a POST never is', async () => {
    await using rig = await RouterTestRig.start();
    const seen: string[] = [];
    // Answers the first request of each connection, and drops the connection on the second.
    const server = createTcpServer((socket) => {
      let requests = 0;
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        requests += 1;
        seen.push(`${bytes.toString().split(' ')[0]} ${requests}`);
        if (requests === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
        else socket.destroy();
      });
    });
    const endpoint = await rig.listening(server);
    const { port } = await rig.service({ blue: [endpoint] });
    expect((await get(port)).status).toBe(200);
    expect((await get(port)).status).toBe(200);
    expect((await get(port, '/', { method: 'POST', body: 'order' })).status).toBe(502);
    expect(seen).toEqual(['GET 1', 'GET 2', 'GET 1', 'POST 2']);
  });

  test('an instance that refuses is passed over, whatever the method, and the others take its share', async () => {
    await using rig = await RouterTestRig.start();
    const dead = await rig.instance((_, res) => res.end());
    await new Promise((resolve) => dead.server.close(resolve));
    const alive = await Promise.all(['a', 'b'].map((name) => rig.instance((req, res) => req.resume().on('end', () => res.end(name)))));
    const { port } = await rig.service({ blue: [dead.endpoint, ...alive.map(({ endpoint }) => endpoint)] });
    const answers: string[] = [];
    for (let n = 0; n < 40; n += 1) answers.push((await get(port, '/', { method: 'POST', body: 'order' })).body);
    expect([...new Set(answers)].toSorted()).toEqual(['a', 'b']);
    expect((await rig.observe()).counters.blue.errors).toBe(0);
  });

  test('a slot without a usable instance: the other live slot answers and the failure is counted where it belongs; with none, 503 at once', async () => {
    await using rig = await RouterTestRig.start();
    const dead = await rig.instance((_, res) => res.end());
    await new Promise((resolve) => dead.server.close(resolve));
    const blue = await rig.instance((_, res) => res.end('blue'));
    const { port, epoch } = await rig.service({ blue: [blue.endpoint], green: [dead.endpoint] }, { weights: split(5_000) });
    for (let n = 0; n < 10; n += 1) expect((await get(port)).body).toBe('blue');
    const { counters } = await rig.observe();
    const { answers, errors, fallbacks } = counters.green;
    expect([errors, fallbacks, counters.blue.answers, counters.blue.errors]).toEqual([answers, answers, 10, 0]);
    expect(answers).toBeGreaterThan(0);
    must(await rig.router.route(api, { epoch, weights: split(10_000) }));
    const refused = await get(port);
    expect([refused.status, refused.headers['x-sluice-router'], refused.body.includes('ECONNREFUSED')]).toEqual([503, 'no-instance', true]);
    must(await rig.router.route(api, { epoch, weights: { blue: split(10_000).blue, green: split(10_000).blue } }));
    expect(JSON.parse((await get(port)).body).error.code).toBe('nothing-live');
  });

  test('an answer that is not clean HTTP is a 502, and its connection is not used again', async () => {
    await using rig = await RouterTestRig.start();
    const bad = [
      'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc',
      'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      'HTTP/1.1 200 OK\r\nno colon\r\n\r\n',
      'HTTP/1.1 200 OK\r\nbad name : x\r\n\r\n',
      'garbage\r\n\r\n',
      'HTTP/1.1 101 Switching\r\n\r\n',
      'HTTP/1.1 200 O\u0001K\r\ncontent-length: 0\r\n\r\n',
      'HTTP/1.1 200 OK\r\nx: a\u0001b\r\ncontent-length: 0\r\n\r\n',
    ];
    let at = 0;
    const server = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.write(bad[at] ?? ''));
    });
    const { port } = await rig.service({ blue: [await rig.listening(server)] });
    for (; at < bad.length; at += 1) expect([bad[at], (await get(port, '/', { method: 'POST' })).status]).toEqual([bad[at], 502]);
    const smuggling = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', () =>
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil'),
      );
    });
    const endpoint = await rig.listening(smuggling);
    must(await rig.router.setEndpoints(api, 'blue', { key: 'blue-2', endpoints: [endpoint] }));
    for (let n = 0; n < 5; n += 1) expect((await get(port)).body).toBe('ok');
  });
});

/** True once a request has not drained for a while: that it never does cannot be observed. */
async function quietFor(req: ClientRequest): Promise<boolean> {
  let seen = -1;
  for (let same = 0; same < 20;) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const now = req.socket?.bytesWritten ?? 0;
    same = now === seen ? same + 1 : 0;
    seen = now;
  }
  return true;
}

function raw(port: number, bytes: string, until: 'the head' | 'to the end' = 'the head'): Promise<string> {
  return new Promise((resolve) => {
    let got = '';
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(bytes));
    socket.on('data', (chunk) => {
      got += chunk.toString();
      if (until === 'the head' && got.includes('\r\n\r\n')) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(got));
  });
}
