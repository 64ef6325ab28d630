import { createServer, type RequestListener } from 'node:http';
import { connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock, systemIds } from '#host';
import type { Routing } from '#rollout';
import type { ClientLimits } from './client-connection.ts';
import { usualLimits } from './client-crowd.ts';
import { Descriptors } from './descriptors.ts';
import { api, split, until } from './fixtures/router-rig.ts';
import { requestListener } from './listener.ts';
import { ServiceTraffic } from './service-traffic.ts';

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

describe('clients that neither send what they owe nor take what they asked for', () => {
  test('a client that never takes the end of its answers loses its connection; what it was not sent is no answer', async () => {
    const { traffic, client } = await clientOfRouter((_, res) => res.end(Buffer.alloc(48 * 1024)), { stalledMs: 300 });
    client.pause();
    for (let sent = 0; sent < 2_000 && traffic.counters.blue.abandoned === 0; sent += 1) {
      client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
      await until(() => traffic.counters.blue.answers + (traffic.counters.blue.abandoned ?? 0) > sent || client.destroyed);
    }
    await until(() => traffic.counters.blue.abandoned === 1);
    expect(traffic.counters.blue.inFlight).toBe(0);
  });

  test('a client that takes its answer slowly, but takes it, keeps its connection', async () => {
    const size = 24 * 1024 * 1024;
    const { traffic, client } = await clientOfRouter((_, res) => res.end(Buffer.alloc(size)), { stalledMs: 400 });
    client.pause();
    client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    let got = 0;
    let pauses = 0;
    client.on('data', (chunk) => {
      got += chunk.length;
      // Many short pauses, together far longer than the limit.
      if (Math.floor(got / (1024 * 1024)) <= pauses) return;
      pauses += 1;
      client.pause();
      setTimeout(() => client.resume(), 50);
    });
    client.resume();
    await until(() => got > size);
    expect([pauses >= 20, traffic.counters.blue.abandoned]).toEqual([true, 0]);
  });

  test.for([
    ['a head', 'GET / HTTP/1.1\r\nhost: a\r\n', 408],
    ['a body', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf', 0],
  ] as const)('%s that does not come to its end is not waited for', async ([, bytes, status]) => {
    const { traffic, client } = await clientOfRouter((req, res) => req.resume().on('end', () => res.end()), {
      stalledMs: 300,
      headMs: 300,
    });
    let got = '';
    client.on('data', (chunk) => (got += chunk.toString()));
    client.write(bytes);
    await until(() => client.closed || client.readableEnded);
    expect(got.slice(0, 12)).toBe(status === 0 ? '' : `HTTP/1.1 ${status}`);
    expect(traffic.counters.blue.inFlight).toBe(0);
  });

  test('an answer that is late for its own reasons has no limit, and neither has the next one', async () => {
    // Two full reads of the router: the end of the answer comes while it is held back.
    const head = 'HTTP/1.1 200 OK\r\ncontent-length: 131000\r\nx-fill: ';
    const whole = Buffer.concat([Buffer.from(`${head.padEnd(131_072 - 131_000 - 4, 'x')}\r\n\r\n`), Buffer.alloc(131_000)]);
    const { client } = await clientOfRouter(
      (req) => {
        if (req.url === '/hold') setTimeout(() => req.socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nheld'), 1_000);
        else req.socket.write(whole);
      },
      { stalledMs: 300, headMs: 300 },
    );
    let got = '';
    client.on('data', (chunk) => (got += chunk.toString('latin1')));
    client.write('GET /big HTTP/1.1\r\nhost: a\r\n\r\nGET /hold HTTP/1.1\r\nhost: a\r\n\r\n');
    await until(() => got.length > 131_000);
    await until(() => got.endsWith('held'));
    expect(client.destroyed).toBe(false);
  });
});

/** A client of a router in this process, whose one instance answers so. */
async function clientOfRouter(
  answer: RequestListener,
  limits: Partial<ClientLimits>,
): Promise<{ readonly traffic: ServiceTraffic; readonly client: Socket }> {
  const instance = createServer(answer);
  const blue = { key: 'blue-1', endpoints: [{ host: '127.0.0.1', port: await listening(instance) }] };
  const routing: Routing = {
    service: api,
    traffic: 'request',
    listen: { host: '127.0.0.1', port: 0 },
    epoch: 1,
    weights: split(0),
    slots: { blue, green: { key: '', endpoints: [] } },
  };
  const sources = { now: () => systemClock.now(), newGeneration: () => systemIds.next(), descriptors: new Descriptors(1_024) };
  const traffic = new ServiceTraffic(routing, { ...sources, random: () => 0 });
  const router = requestListener(traffic, sources, { ...usualLimits, ...limits });
  const client = connect({ port: await listening(router.server), host: '127.0.0.1' });
  client.on('error', () => {});
  ends.push(() => {
    client.destroy();
    traffic.close();
    router.close();
    instance.closeAllConnections();
  });
  return { traffic, client };
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => server.close());
  return (server.address() as AddressInfo).port;
}
