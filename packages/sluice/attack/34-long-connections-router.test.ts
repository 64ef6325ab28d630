import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { RouterTestRig, until } from '../src/adapters/router-embedded/fixtures/router-rig.ts';

const handshake =
  'GET /feed HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n';
const agreed = 'HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n';
const closeFrame = (code: number): Buffer => Buffer.from([0x88, 2, code >> 8, code & 0xff]);
/** A large message before it: its payload is stepped over, whatever is in it. */
const message = Buffer.concat([Buffer.from([0x82, 126, 0x10, 0x00]), Buffer.alloc(4_096, 0x88)]);

/** How an instance ends a WebSocket, and whether that is a failure of its own. */
const endings: readonly (readonly [what: string, end: (socket: Socket) => void, errors: number])[] = [
  ['closes with 1011 (internal error)', (socket) => socket.end(Buffer.concat([message, closeFrame(1011)])), 1],
  ['closes with 1012 (restart)', (socket) => socket.end(closeFrame(1012)), 1],
  ['ends without a close frame (1006)', (socket) => socket.end(message), 1],
  ['breaks the connection', (socket) => socket.resetAndDestroy(), 1],
  ['closes with 1000', (socket) => socket.end(Buffer.concat([message, closeFrame(1000)])), 0],
  ['closes with 1008 (the client’s own fault)', (socket) => socket.end(closeFrame(1008)), 0],
];

function feed(end: (socket: Socket) => void): Server {
  return createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write(agreed);
      setImmediate(() => end(socket));
    });
    socket.on('end', () => socket.end());
  });
}

describe('34 · long connections and memory are not watched', () => {
  for (const traffic of ['request', 'connection'] as const) {
    test(`${traffic}: how instances end WebSockets is counted for what it is`, async () => {
      await using rig = await RouterTestRig.start();
      for (const [what, end, errors] of endings) {
        const { port } = await rig.service({ blue: [await rig.listening(feed(end))] }, { traffic });
        const before = (await rig.observe()).counters.blue;
        const client = connect({ port, host: '127.0.0.1' }, () => client.write(handshake));
        client.on('error', () => {});
        client.resume();
        await new Promise((resolve) => client.once('close', resolve));
        await until(async () => (await rig.observe()).counters.blue.answers > before.answers);
        expect([what, (await rig.observe()).counters.blue.errors - before.errors]).toEqual([what, errors]);
      }
    });
  }

  test('a client that leaves, with a word or without, is no failure of the instance', async () => {
    await using rig = await RouterTestRig.start();
    const { port } = await rig.service({ blue: [await rig.listening(feed((socket) => socket.write(message)))] });
    for (const leave of [
      (client: Socket) => client.end(Buffer.from([0x88, 0x80, 0, 0, 0, 0])),
      (client: Socket) => client.resetAndDestroy(),
    ]) {
      const before = (await rig.observe()).counters.blue;
      const client = connect({ port, host: '127.0.0.1' }, () => client.write(handshake));
      client.on('error', () => {});
      await once(client, 'data');
      leave(client);
      await until(async () => (await rig.observe()).counters.blue.answers > before.answers);
      expect((await rig.observe()).counters.blue.errors).toBe(0);
    }
  });

  test('TCP: an instance that breaks connections fails; one that ends them first is told from one that does not', async () => {
    await using rig = await RouterTestRig.start();
    for (const [end, errors, dropped] of [
      [(socket: Socket) => socket.resetAndDestroy(), 1, 0],
      [(socket: Socket) => socket.end('bye'), 0, 1],
    ] as const) {
      const instance = createServer((socket) => {
        socket.on('error', () => {});
        socket.once('data', () => end(socket));
      });
      const { port } = await rig.service({ blue: [await rig.listening(instance)] }, { traffic: 'connection' });
      const before = (await rig.observe()).counters.blue;
      const client = connect({ port, host: '127.0.0.1' }, () => client.write('hello'));
      client.on('error', () => {});
      client.resume();
      await new Promise((resolve) => client.once('close', resolve));
      await until(async () => (await rig.observe()).counters.blue.answers > before.answers);
      const after = (await rig.observe()).counters.blue;
      expect([after.errors - before.errors, (after.dropped ?? 0) - (before.dropped ?? 0)]).toEqual([errors, dropped]);
    }
  });
});
