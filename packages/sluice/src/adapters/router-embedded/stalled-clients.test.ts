import { createServer, type RequestListener } from 'node:http';
import { connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock, systemIds } from '#host';
import type { Routing } from '#rollout';
import { api, split, until } from './fixtures/router-rig.ts';
import { requestServer } from './listener.ts';
import { ServiceTraffic } from './service-traffic.ts';

const stalledMs = 60_000;
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

describe('clients that neither send what they owe nor take what they asked for', () => {
  test('a client that has yet to take the end of a small answer is watched until it has, and no longer', async () => {
    const { traffic, client, routerSide } = await clientOfRouter((_, res) => res.end(Buffer.alloc(48 * 1024)));
    client.pause();
    const watched = (): boolean => routerSide.timeout === stalledMs;
    // One answer after the other, none of them read, until the system takes no more.
    for (let sent = 1; sent < 2_000 && !watched(); sent += 1) {
      client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
      await until(() => traffic.counters.blue.answers === sent || watched());
    }
    expect([watched(), traffic.counters.blue.inFlight]).toEqual([true, 1]);
    client.resume();
    await until(() => traffic.counters.blue.inFlight === 0 && !watched());
    expect(routerSide.timeout).toBeGreaterThan(stalledMs);
  });

  test('an answer that was held back does not put a limit on the next one', async () => {
    // Two full reads of the router: the end of the answer comes while it is held back.
    const head = 'HTTP/1.1 200 OK\r\ncontent-length: 131000\r\nx-fill: ';
    const whole = Buffer.concat([Buffer.from(`${head.padEnd(131_072 - 131_000 - 4, 'x')}\r\n\r\n`), Buffer.alloc(131_000)]);
    expect(whole.length).toBe(131_072);
    let held = false;
    const { client, routerSide } = await clientOfRouter((req, res) => {
      if (req.url === '/hold') held = true;
      else res.socket?.write(whole);
    });
    let size = 0;
    client.on('data', (chunk) => (size += chunk.length));
    client.write('GET /big HTTP/1.1\r\nhost: a\r\n\r\nGET /hold HTTP/1.1\r\nhost: a\r\n\r\n');
    await until(() => held && size > 131_000);
    await until(() => routerSide.timeout !== stalledMs);
  });
});

/** A client of a router in this process, whose one instance answers so, and the router's side of its connection. */
async function clientOfRouter(
  answer: RequestListener,
): Promise<{ readonly traffic: ServiceTraffic; readonly client: Socket; readonly routerSide: Socket }> {
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
  const traffic = new ServiceTraffic(routing, { now: () => systemClock.now(), newGeneration: () => systemIds.next() });
  const router = requestServer(traffic);
  const sides: Socket[] = [];
  router.on('connection', (socket: Socket) => sides.push(socket));
  const client = connect({ port: await listening(router), host: '127.0.0.1' });
  client.on('error', () => {});
  await until(() => sides.length === 1);
  ends.push(() => {
    client.destroy();
    traffic.close();
    router.closeAllConnections();
    instance.closeAllConnections();
  });
  return { traffic, client, routerSide: sides[0] as Socket };
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => server.close());
  return (server.address() as AddressInfo).port;
}
