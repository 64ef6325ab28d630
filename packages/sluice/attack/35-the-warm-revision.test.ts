import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { api, get, must, RouterTestRig, split, until } from '../src/adapters/router-embedded/fixtures/router-rig.ts';

const answering = (name: string): Server => createServer((req, res) => req.resume().on('end', () => res.end(name)));

async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
}

describe('35 · the warm revision does not help', () => {
  test('the new version is gone at 100 %: no request fails, orders included, and each is counted against it', async () => {
    await using rig = await RouterTestRig.start();
    const [old, fresh] = [answering('old'), answering('new')];
    const { port, epoch } = await rig.service({ blue: [await rig.listening(old)], green: [await rig.listening(fresh)] });
    must(await rig.router.route(api, { epoch, weights: split(10_000), revertTo: 'blue' }));
    expect((await get(port)).body).toBe('new');
    await stop(fresh);
    const answers = [];
    for (let n = 0; n < 60; n += 1) answers.push(await get(port, '/', n % 2 === 0 ? {} : { method: 'POST', body: 'order' }));
    expect(new Set(answers.map(({ status, body }) => `${status} ${body}`))).toEqual(new Set(['200 old']));
    const { green, blue } = (await rig.observe()).counters;
    expect([green.errors, green.fallbacks, blue.errors]).toEqual([60, 60, 0]);
    expect((await rig.observe()).weights).toEqual(split(10_000));
  });

  test('it dies under questions that were sent already: those are asked again of the warm one; an order never is', async () => {
    await using rig = await RouterTestRig.start();
    const orders: string[] = [];
    const old = createServer((req, res) => req.resume().on('end', () => res.end(`old ${req.method}`)));
    const dying = createServer((req) => {
      orders.push(req.method ?? '');
      req.socket.destroy();
    });
    const { port, epoch } = await rig.service({ blue: [await rig.listening(old)], green: [await rig.listening(dying)] });
    must(await rig.router.route(api, { epoch, weights: split(10_000), revertTo: 'blue' }));
    expect((await get(port)).body).toBe('old GET');
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) expect((await get(port, '/', { method, body: 'order' })).status).toBe(502);
    expect(orders.filter((method) => method !== 'GET')).toEqual(['POST', 'PUT', 'DELETE', 'PATCH']);
  });

  test('TCP: a connection that the new version refuses is taken by the warm one', async () => {
    await using rig = await RouterTestRig.start();
    const [old, fresh] = [answering('old'), answering('new')];
    const slots = { blue: [await rig.listening(old)], green: [await rig.listening(fresh)] };
    const { port, epoch } = await rig.service(slots, { traffic: 'connection' });
    must(await rig.router.route(api, { epoch, weights: split(10_000), revertTo: 'blue' }));
    await stop(fresh);
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n'));
    const [answer] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(answer.toString().endsWith('old')).toBe(true);
    await until(async () => (await rig.observe()).counters.green.fallbacks === 1);
  });

  test('a slot that is not the way back never gets a request, whatever has died', async () => {
    await using rig = await RouterTestRig.start();
    const [live, unproved] = [answering('live'), answering('unproved')];
    const { port, epoch } = await rig.service({ blue: [await rig.listening(live)], green: [await rig.listening(unproved)] });
    must(await rig.router.route(api, { epoch, weights: split(0), revertTo: 'blue' }));
    await stop(live);
    expect((await get(port)).status).toBe(503);
    expect((await rig.observe()).counters.green.answers).toBe(0);
  });
});
