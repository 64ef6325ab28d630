import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { controlApi, ServedEngine } from '#server';
import { systemClock, systemIds } from '#host';
import { operatorToken, peopleRig, type PeopleRig } from './people-rig.ts';

/** Sends bytes and leaves as told; answers with what came back until then. */
async function rude(port: number, bytes: string, leave: 'when answered' | 'at once' | 'half-closed'): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(bytes);
  if (leave === 'at once') socket.resetAndDestroy();
  else {
    if (leave === 'half-closed') socket.end();
    await once(socket, 'data').catch(() => undefined);
    socket.destroy();
  }
  await once(socket, 'close').catch(() => undefined);
  return Buffer.concat(chunks).toString('latin1');
}

describe('16 · crash by a caller', () => {
  describe('the API of the control plane', () => {
    let rig: PeopleRig;
    let port = 0;
    let close = (): void => undefined;
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);

    beforeAll(async () => {
      rig = await peopleRig();
      const { engine, ports } = rig.rig;
      const served = new ServedEngine({
        engine,
        environment: ports.environment,
        keys: ports.keys,
        log: { read: () => undefined },
        clock: systemClock,
        ids: systemIds,
        about: { product: 'sluice', version: '0.0.0', delivery: 'shop', executor: 'e1', pid: 1 },
      });
      const server = serve({ fetch: controlApi(served, operatorToken).fetch, hostname: '127.0.0.1', port: 0 });
      await once(server, 'listening');
      port = (server.address() as AddressInfo).port;
      close = () => void server.close();
      process.on('unhandledRejection', note);
      process.on('uncaughtExceptionMonitor', note);
    });
    afterAll(async () => {
      process.off('unhandledRejection', note);
      process.off('uncaughtExceptionMonitor', note);
      close();
      await rig[Symbol.asyncDispose]();
    });

    const head = (path: string, more = '', method = 'POST'): string =>
      `${method} ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${operatorToken}\r\ncontent-type: application/json\r\n${more}\r\n`;
    const status = async (path: string): Promise<number> =>
      Number((await rude(port, head(path, '', 'GET'), 'when answered')).split(' ')[1]);

    test('clients that leave anywhere in a request end nothing, and nothing goes unhandled', async () => {
      const whole = `${head('/v1/deployments', 'content-length: 60\r\n')}${JSON.stringify({ services: ['api'], ref: 'HEAD', environment: 'staging' }).padEnd(60)}`;
      for (let length = 1; length < whole.length; length += 7) await rude(port, whole.slice(0, length), 'at once');
      for (const broken of [
        head('/v1/deployments', 'transfer-encoding: chunked\r\n') + '5\r\n{"a":',
        head('/v1/deployments', 'transfer-encoding: chunked\r\n') + 'zz\r\n',
        head('/v1/deployments', 'content-length: 10\r\nexpect: 100-continue\r\n'),
        head('/v1/deployments', 'content-length: 99999999\r\n') + 'x'.repeat(300_000),
        'GET / HTTP/9.9\r\n\r\n',
        'GET /v1/about HTTP/1.1\r\nhost: [::\r\n\r\n',
        'GET http:// HTTP/1.1\r\nhost: \r\n\r\n',
      ])
        for (const leave of ['at once', 'half-closed'] as const) await rude(port, broken, leave);
      expect(await status('/v1/about')).toBe(200);
      expect(unhandled).toEqual([]);
    });

    test('no identifier, name or body makes the control plane fail: what is none is refused', async () => {
      const odd = [
        '%00',
        'a%00b',
        '%zz',
        '%E0%A4%A',
        '__proto__',
        'constructor',
        '..%2f..',
        '%F0%9F%92%A9',
        'x'.repeat(5_000),
        "'%20or%201=1--",
      ];
      for (const id of odd) {
        for (const path of [
          `/v1/deployments/${id}`,
          `/v1/deployments/${id}/timeline`,
          `/v1/deployments/${id}/approval`,
          `/v1/ledger/proofs/${id}`,
          `/v1/status?service=${id}`,
          `/v1/deployments?environment=${id}`,
        ]) {
          const code = await status(path);
          expect(code >= 200 && code < 500, `${path}: ${code}`).toBe(true);
        }
      }
      for (const body of [
        '{"services":["api"],"ref":"\\u0000","environment":"staging"}',
        '{"services":["a\\u0000"],"ref":"HEAD","environment":"x"}',
        '[',
        'null',
        '{"__proto__":{}}',
        `{"services":${'['.repeat(50_000)}}`,
      ]) {
        const answer = await rude(
          port,
          `${head('/v1/deployments', `content-length: ${Buffer.byteLength(body)}\r\n`)}${body}`,
          'when answered',
        );
        expect(answer.split(' ')[1], body.slice(0, 80)).toMatch(/^4/);
      }
      expect(unhandled).toEqual([]);
    });
  });
});
