import { once } from 'node:events';
import { connect, createServer as createTcpServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { get, RouterTestRig, until } from './fixtures/router-rig.ts';
import { type Exchange, UpstreamConnection } from './upstream-connection.ts';

/** What one read takes from a socket at most: an answer of whole reads ends with one that fills the buffer of its client. */
const oneRead = 65_536;

describe('connections to instances that are used again', () => {
  test('a connection that was paused when its answer ended reads the next answer', async () => {
    await using rig = await RouterTestRig.start();
    const { host, port } = await rig.listening(answering(() => answer(100)));
    const socket = connect({ host, port });
    await once(socket, 'connect');
    const connection = new UpstreamConnection(socket);
    for (let n = 0; n < 3; n += 1) {
      let ended: boolean | undefined;
      const exchange: Exchange = { ...deaf, onData: () => connection.pause(), onEnd: (reusable) => (ended = reusable) };
      connection.begin('GET / HTTP/1.1\r\nhost: a\r\n\r\n', { method: 'GET', bodyFollows: false, upgrade: false }, exchange);
      await until(() => ended !== undefined);
      expect([ended, connection.usable]).toEqual([true, true]);
    }
    connection.destroy();
  });

  test('a connection whose instance answered without having read the request is not used again', async () => {
    await using rig = await RouterTestRig.start();
    const deafAfterHead = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => {
        socket.pause();
        socket.write(answer(100));
      });
    });
    const { host, port } = await rig.listening(deafAfterHead);
    const socket = connect({ host, port });
    await once(socket, 'connect');
    const connection = new UpstreamConnection(socket);
    let ended: boolean | undefined;
    const exchange: Exchange = { ...deaf, onEnd: (reusable) => (ended = reusable) };
    connection.begin('POST / HTTP/1.1\r\nhost: a\r\n\r\n', { method: 'POST', bodyFollows: true, upgrade: false }, exchange);
    connection.write(Buffer.alloc(32 * 1024 * 1024));
    connection.sent();
    await until(() => ended !== undefined);
    expect([ended, socket.destroyed]).toEqual([false, true]);
  });

  test.for(['fast', 'slow'] as const)(
    'an answer whose last read fills the buffer of a %s client leaves a connection that answers the next request',
    async (pace) => {
      await using rig = await RouterTestRig.start();
      const reads = pace === 'fast' ? 2 : 256;
      const answers = (bytes: Buffer): Buffer => (bytes.toString().startsWith('GET /big') ? answer(reads * oneRead) : answer(100));
      const { port } = await rig.service({ blue: [await rig.listening(answering(answers))] });
      for (let n = 0; n < 8; n += 1) {
        const client = connect({ port, host: '127.0.0.1' }, () =>
          client.write('GET /big HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'),
        );
        let size = 0;
        if (pace === 'slow') {
          // Reads nothing at first: the answer is larger than what the system holds for a connection.
          client.pause();
          await until(async () => (await rig.observe()).counters.blue.inFlight === 1);
        }
        client.on('data', (chunk) => (size += chunk.length));
        client.resume();
        await once(client, 'close');
        expect(size).toBeGreaterThan(reads * oneRead - 200);
        expect(await within(20_000, get(port, '/small', { method: 'POST' }))).toMatchObject({ status: 200 });
      }
    },
  );
});

const deaf: Exchange = {
  onHead: () => {},
  onContinue: () => {},
  onData: () => {},
  onEnd: () => {},
  onUpgrade: () => {},
  onFail: () => {},
  onDrain: () => {},
};

/** An answer of exactly so many bytes, head and body together, made in one piece. */
function answer(size: number): Buffer {
  const head = (length: number): string => `HTTP/1.1 200 OK\r\ncontent-length: ${String(length).padStart(12, '0')}\r\n\r\n`;
  const length = Math.max(0, size - head(0).length);
  return Buffer.concat([Buffer.from(head(length)), Buffer.alloc(length, 97)]);
}

/** An instance that sends its bytes for each piece of a request that comes. */
function answering(answers: (bytes: Buffer) => Buffer): ReturnType<typeof createTcpServer> {
  return createTcpServer((socket: Socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => socket.write(answers(bytes)));
  });
}

/** The outcome, or a failure that says that there was none. */
async function within<T>(ms: number, outcome: Promise<T>): Promise<T | 'no answer'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'no answer'>((resolve) => (timer = setTimeout(resolve, ms, 'no answer')));
  return await Promise.race([outcome, late]).finally(() => clearTimeout(timer));
}
