import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RouterTestRig } from '../src/adapters/router-embedded/fixtures/router-rig.ts';

const offer = 'connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n';

/** What clients send, as they send it. */
const cases = {
  'HTTP/1.0 without a host (a health checker)': 'GET /health HTTP/1.0\r\n\r\n',
  'HTTP/1.0 with a host': 'GET / HTTP/1.0\r\nhost: a\r\n\r\n',
  'HTTP/1.0 that asks to go on, twice': 'GET /1 HTTP/1.0\r\nconnection: keep-alive\r\n\r\nGET /2 HTTP/1.0\r\n\r\n',
  'HTTP/1.0 with a body': 'POST / HTTP/1.0\r\ncontent-length: 5\r\n\r\norder',
  'HTTP/1.0, answered in pieces': 'GET /pieces HTTP/1.0\r\n\r\n',
  'HTTP/1.1 that closes': 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n',
  'HTTP/1.1, answered in pieces': 'GET /pieces HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n',
  HEAD: 'HEAD /pieces HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n',
  'an order of an HTTP client of Java or .NET': `POST / HTTP/1.1\r\nhost: a\r\n${offer.replace('Upgrade,', 'Upgrade, close,')}content-length: 5\r\n\r\norder`,
  'a question of such a client': `GET / HTTP/1.1\r\nhost: a\r\n${offer.replace('Upgrade,', 'Upgrade, close,')}\r\n`,
  'an order of such a client, in chunks': `POST / HTTP/1.1\r\nhost: a\r\n${offer.replace('Upgrade,', 'Upgrade, close,')}transfer-encoding: chunked\r\n\r\n5\r\norder\r\n0\r\n\r\n`,
  'an empty line behind the order before':
    'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\norder\r\nGET /2 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n',
  'the form for proxies': 'GET http://a/x HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n',
  'no host in HTTP/1.1': 'GET / HTTP/1.1\r\n\r\n',
} as const;

/** Ways in which they send it. */
const ways = {
  'in one piece': { pieces: (bytes: string) => [bytes], ends: false },
  'byte by byte': { pieces: (bytes: string) => bytes.split(''), ends: false },
  'and closes its sending side': { pieces: (bytes: string) => [bytes], ends: true },
} as const;

function answer(req: IncomingMessage, res: ServerResponse): void {
  let body = '';
  req.on('data', (chunk: Buffer) => (body += chunk.toString()));
  // Never in the turn in which the request came: a client that closes its side has done so by then.
  req.on('end', () =>
    setTimeout(() => {
      const text = `${req.method} ${req.url?.replace('http://a', '')} ${body}.`;
      if (req.url !== '/pieces') return void res.setHeader('content-length', text.length).end(text);
      res.write(text);
      return void setTimeout(() => res.end(text), 5);
    }, 5),
  );
}

describe('27 · half-closed and old clients', () => {
  let rig: RouterTestRig;
  let direct = 0;
  let routed = 0;
  beforeAll(async () => {
    rig = await RouterTestRig.start();
    const instance = createServer(answer);
    // A direct connection to a server that waits for those who listen: Node's own closes on them unless told.
    Object.assign(instance, { httpAllowHalfOpen: true });
    const endpoint = await rig.listening(instance);
    direct = endpoint.port;
    routed = (await rig.service({ blue: [endpoint] })).port;
  });
  afterAll(() => rig[Symbol.asyncDispose]());

  for (const [name, bytes] of Object.entries(cases)) {
    for (const [how, way] of Object.entries(ways)) {
      test(`${name}, ${how}: routed as direct`, async () => {
        const [straight, through] = await Promise.all([talk(direct, bytes, way), talk(routed, bytes, way)]);
        expect(through).toEqual(straight);
        expect(through.length).toBeGreaterThan(0);
      });
    }
  }

  test('a client that closes its sending side hears the answer however late it comes', async () => {
    const bytes = 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\norder';
    expect(await talk(routed, bytes, ways['and closes its sending side'])).toEqual(['200 POST / order.']);
  });
});

/** Statuses and bodies, as a client reads them until the end. */
function talk(port: number, bytes: string, way: (typeof ways)[keyof typeof ways]): Promise<readonly string[]> {
  return new Promise((resolve) => {
    let got = '';
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true }, () => {
      for (const piece of way.pieces(bytes)) socket.write(piece, 'latin1');
      if (way.ends) socket.end();
    });
    socket.on('data', (chunk) => (got += chunk.toString('latin1')));
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
    socket.on('close', () => resolve(answersIn(got)));
  });
}

function answersIn(text: string): readonly string[] {
  return text
    .split(/(?=HTTP\/1\.1 )/)
    .filter((part) => part !== '')
    .map((part) => {
      const [head = '', ...rest] = part.split('\r\n\r\n');
      const body = rest.join('\r\n\r\n');
      const chunked = /\r\ntransfer-encoding: chunked/i.test(head);
      const whole = chunked ? body.replaceAll(/[0-9a-f]+\r\n([^\r]*)\r?\n?/g, '$1') : body;
      const status = head.slice(9, 12);
      return status === '400' ? status : `${status} ${whole.trim()}`;
    });
}
