import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { ownCommand, siblingModule, systemClock } from '#host';
import { api, get, must, RouterTestRig, split, until } from '../src/adapters/router-embedded/fixtures/router-rig.ts';
import { startRouter } from '../src/adapters/router-embedded/index.ts';

/** A router that may have few files open. */
async function smallRouter(files: number): Promise<RouterTestRig> {
  const rig = new RouterTestRig();
  const { command, args } = ownCommand(siblingModule(import.meta.url, '../src/adapters/router-embedded/router-main'), [
    '--state',
    rig.folder,
  ]);
  const child = spawn('sh', ['-c', `ulimit -n ${files} && exec "$@"`, 'sh', command, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  // It says that it serves; from then on it is adopted like any other.
  await once(child.stdout, 'data');
  rig.identity = await startRouter({ stateFolder: rig.folder, clock: systemClock });
  expect(rig.identity.pid).toBe(child.pid);
  return rig;
}

/** Clients that take a place each and never give it back: more of them than there are files. */
function crowd(port: number, count: number): { readonly sockets: Socket[]; readonly leave: () => void } {
  const sockets = Array.from({ length: count }, () => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf'));
    socket.on('error', () => {});
    socket.resume();
    return socket;
  });
  return { sockets, leave: () => sockets.forEach((socket) => socket.destroy()) };
}

describe('13 · the way back shares resources with the crowd', () => {
  test('I2: with every place for HTTP clients taken, a revert is carried out, a client of before is served, and a new one hears 503', async () => {
    await using rig = await smallRouter(200);
    const answering = (name: string): ReturnType<typeof createHttpServer> =>
      createHttpServer((req, res) => req.resume().on('end', () => res.end(name)));
    const [old, fresh] = [await rig.listening(answering('old')), await rig.listening(answering('new'))];
    const { port, epoch } = await rig.service({ blue: [old], green: [fresh] });
    must(await rig.router.route(api, { epoch, weights: split(10_000), revertTo: 'blue' }));
    const regular = connect({ port, host: '127.0.0.1' }, () => regular.write('GET / HTTP/1.1\r\nhost: a\r\nx-fill: '));
    await once(regular, 'connect');
    const { sockets, leave } = crowd(port, 600);
    await until(() => sockets.every((socket) => socket.bytesWritten > 0 || socket.destroyed));
    await until(async () => (await rig.observe()).counters.green.inFlight > 40);
    // Somebody of the crowd may have had to go before it had asked: others that stay take those places.
    const late = Array.from({ length: 20 }, () => crowd(port, 30));
    await until(async () => {
      const answer = await get(port).catch(() => undefined);
      const isFull = answer?.status === 503 && answer.headers['x-sluice-router'] === 'too-many-clients';
      // A place that became free again is taken by one more of them.
      if (!isFull) late.push(crowd(port, 30));
      return isFull;
    });
    const reverted = must(await rig.router.revert(api, { id: 'r1', by: 'ada', reason: 'errors' }));
    expect([reverted.weights, reverted.recordPending]).toEqual([split(0), undefined]);
    // The crowd is still there: it was not the end of the crowd that let the revert through.
    expect(sockets.filter((socket) => !socket.destroyed && !socket.readableEnded).length).toBeGreaterThan(20);
    regular.write('x\r\n\r\n');
    const [answer] = (await once(regular, 'data')) as [Buffer];
    expect([answer.toString().slice(9, 12), answer.toString().endsWith('old')]).toEqual(['200', true]);
    regular.destroy();
    leave();
    for (const more of late) more.leave();
    await until(async () => (await get(port).catch(() => undefined))?.status === 200);
  });

  test('I2: with every place for TCP clients taken, a revert is carried out and new connections are refused at once', async () => {
    await using rig = await smallRouter(200);
    const echo = (name: string): ReturnType<typeof createServer> =>
      createServer((socket) => {
        socket.on('error', () => {});
        socket.on('data', () => socket.write(name));
      });
    const slots = { blue: [await rig.listening(echo('old'))], green: [await rig.listening(echo('new'))] };
    const { port, epoch } = await rig.service(slots, { traffic: 'connection' });
    must(await rig.router.route(api, { epoch, weights: split(10_000), revertTo: 'blue' }));
    const { sockets, leave } = crowd(port, 600);
    await until(() => sockets.filter((socket) => socket.destroyed).length > 300);
    const late = connect({ port, host: '127.0.0.1' });
    late.on('error', () => {});
    await new Promise((resolve) => late.once('close', resolve));
    expect(must(await rig.router.revert(api, { id: 'r1', by: 'ada', reason: 'errors' })).weights).toEqual(split(0));
    expect(sockets.filter((socket) => !socket.destroyed && socket.bytesRead > 0).length).toBeGreaterThan(20);
    leave();
  });

  test('clients that only rest give their place to those who ask', async () => {
    await using rig = await smallRouter(200);
    const instance = createHttpServer((_, res) => res.end('ok'));
    const { port } = await rig.service({ blue: [await rig.listening(instance)] });
    const idle = Array.from({ length: 300 }, () => connect({ port, host: '127.0.0.1' }).on('error', () => {}));
    await Promise.all(
      idle.map((socket) => Promise.race([once(socket, 'connect'), new Promise((resolve) => socket.once('close', resolve))])),
    );
    for (let n = 0; n < 20; n += 1) expect((await get(port)).status).toBe(200);
    for (const socket of idle) socket.destroy();
  });
});
