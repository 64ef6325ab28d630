import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { get, RouterTestRig, until } from '../src/adapters/router-embedded/fixtures/router-rig.ts';

describe('14 · order and ownership of answers', () => {
  test('orders sent in one go are carried out one after the other, never at once', async () => {
    await using rig = await RouterTestRig.start();
    const running: string[] = [];
    const seen: string[] = [];
    const instance = createHttpServer((req, res) => {
      let body = '';
      req.on('data', (chunk: Buffer) => (body += chunk.toString()));
      req.on('end', () => {
        running.push(body);
        seen.push(running.join('+'));
        // The first one takes its time: a second one would overtake it.
        setImmediate(() => {
          running.splice(running.indexOf(body), 1);
          res.end(body);
        });
      });
    });
    const { port } = await rig.service({ blue: [await rig.listening(instance)] });
    const order = (name: string): string => `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${name.length}\r\n\r\n${name}`;
    const client = connect({ port, host: '127.0.0.1' });
    let got = '';
    client.on('data', (chunk) => (got += chunk.toString()));
    client.write(['buy', 'amend', 'cancel'].map(order).join(''));
    await until(() => got.includes('cancel'));
    client.destroy();
    expect(seen).toEqual(['buy', 'amend', 'cancel']);
    expect(got.match(/buy|amend|cancel/g)).toEqual(['buy', 'amend', 'cancel']);
  });

  test.for([
    ['HEAD', 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n'],
    ['GET', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['GET', 'HTTP/1.1 304 Not Modified\r\n\r\n'],
  ] as const)('the late body of an answer that has none is nobody’s answer (%s, %j)', async ([method, answer]) => {
    await using rig = await RouterTestRig.start();
    const first: Socket[] = [];
    const instance = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        if (bytes.toString().includes('/first')) {
          first.push(socket);
          socket.write(answer);
        } else {
          // Whoever gets this request on the connection of before first says what was left over.
          for (const late of first) if (late.writable) late.write('HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nSECRET');
          socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nmine');
        }
      });
    });
    const { port } = await rig.service({ blue: [await rig.listening(instance)] });
    await get(port, '/first', { method });
    expect((await get(port, '/second')).body).toBe('mine');
  });

  test('an order that offers another protocol arrives with its body, and the request behind it is answered', async () => {
    await using rig = await RouterTestRig.start();
    const instance = createHttpServer((req, res) => {
      let body = '';
      req.on('data', (chunk: Buffer) => (body += chunk.toString()));
      req.on('end', () => res.end(`<${req.method} ${body}>`));
    });
    const { port } = await rig.service({ blue: [await rig.listening(instance)] });
    const client = connect({ port, host: '127.0.0.1' });
    client.write('POST / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\ncontent-length: 5\r\n\r\norder');
    client.write('HEAD / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    client.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    let got = '';
    client.on('data', (chunk) => (got += chunk.toString()));
    await once(client, 'end');
    expect([got.match(/HTTP\/1\.1 200/g)?.length, got.match(/<[^>]*>/g)]).toEqual([3, ['<POST order>', '<GET >']]);
  });

  test('lengths, hosts and headers of one hop are passed on in one reading only', async () => {
    await using rig = await RouterTestRig.start();
    let seen = '';
    const instance = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        seen += bytes.toString();
        if (!seen.endsWith('\r\n\r\n') && !seen.endsWith('0123456789')) return;
        if (seen.startsWith('POST') && !seen.includes('0123456789')) return;
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      });
    });
    const { port } = await rig.service({ blue: [await rig.listening(instance)] });
    const send = async (bytes: string): Promise<string> => {
      const client = connect({ port, host: '127.0.0.1' }, () => client.write(bytes));
      const [answer] = (await once(client, 'data')) as [Buffer];
      client.destroy();
      return answer.toString().slice(9, 12);
    };
    expect(await send('POST / HTTP/1.1\r\nhost: a\r\nconnection: x\r\nx: secret\r\ncontent-length: 0010\r\n\r\n0123456789')).toBe('200');
    for (const host of ['a b', 'evil@a', 'a/../b', 'a:80:81', '']) {
      expect([host, await send(`GET / HTTP/1.1\r\nhost: ${host}\r\n\r\n`)]).toEqual([host, host === '' ? '200' : '400']);
    }
    expect(seen.match(/HTTP\/1\.1\r\n/g)?.length).toBe(2);
    expect([seen.includes('content-length: 10\r\n'), seen.includes('secret')]).toEqual([true, false]);
  });
});
