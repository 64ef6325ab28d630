import { readFileSync } from 'node:fs';
import { connect, type NetConnectOpts } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { socketPath } from '#host';
import { api, get, must, RouterTestRig } from '../src/adapters/router-embedded/fixtures/router-rig.ts';

const order = JSON.stringify({ service: api });
const heads = [
  'GET / HTTP/1.1\r\nhost: a\r\n\r\n',
  'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n0123456789',
  'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\norder\r\n0\r\n\r\n',
  'POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\norder',
  'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n\x81\x01x',
  `POST /v1/observe HTTP/1.1\r\nhost: a\r\ncontent-length: ${order.length}\r\n\r\n${order}`,
  `POST /v1/route HTTP/1.1\r\nhost: a\r\ncontent-length: 300000\r\n\r\n${'x'.repeat(300_000)}`,
  'GET /v1/identity HTTP/1.1\r\nhost: a\r\n\r\n',
  'GET /v1/services HTTP/1.1\r\nhost: a\r\n\r\n',
  '\0\xff\r\n\r\n',
] as const;

/** Sends a part of it and leaves, in one of three ways. */
function leave(to: NetConnectOpts, bytes: string, how: 'end' | 'close' | 'reset'): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(to, () => {
      socket.write(bytes, 'latin1', () => {
        if (how === 'end') socket.end();
        else if (how === 'close' || 'path' in to) socket.destroy();
        else socket.resetAndDestroy();
      });
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve());
    socket.resume();
  });
}

describe('16 · crash by a caller', () => {
  test('the router: each kind of request, to its ports and its control socket, broken at any byte', async () => {
    await using rig = await RouterTestRig.start();
    const { endpoint } = await rig.instance((req, res) => req.resume().on('end', () => res.end('ok')));
    const { port } = await rig.service({ blue: [endpoint] });
    const doors: readonly NetConnectOpts[] = [{ port, host: '127.0.0.1' }, { path: socketPath(rig.folder, 'router') }];
    for (const door of doors) {
      for (const bytes of heads) {
        const cuts = new Set([1, 10, 20, bytes.indexOf('\r\n\r\n') + 2, bytes.indexOf('\r\n\r\n') + 4, bytes.length - 1, bytes.length]);
        await Promise.all(
          [...cuts].flatMap((cut) => (['end', 'close', 'reset'] as const).map((how) => leave(door, bytes.slice(0, cut), how))),
        );
      }
    }
    expect((await get(port)).body).toBe('ok');
    expect(must(await rig.router.observe(api)).counters.blue.inFlight).toBe(0);
    expect(readFileSync(join(rig.folder, 'router.log'), 'utf8')).not.toContain('unexpected');
  });
});
