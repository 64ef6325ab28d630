import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { api, get, must, RouterTestRig, split, until } from './fixtures/router-rig.ts';

describe('connections through the router', () => {
  test('D01: weight moves new WebSockets only; the open ones stay where they are, and are counted until they end', async () => {
    await using rig = await RouterTestRig.start();
    const [blue, green] = [await rig.listening(echoing('blue')), await rig.listening(echoing('green'))];
    const { port, epoch } = await rig.service({ blue: [blue], green: [green] });
    const old = await webSocket(port);
    expect(await old.say('one')).toBe('blue one');
    must(await rig.router.route(api, { epoch, weights: split(10_000), revertTo: 'blue' }));
    const young = await webSocket(port);
    expect([await old.say('two'), await young.say('three')]).toEqual(['blue two', 'green three']);
    let { counters } = await rig.observe();
    expect([counters.blue.sessions, counters.green.sessions, counters.blue.answers]).toEqual([1, 1, 0]);
    must(await rig.router.revert(api, { id: 'r1', by: 'ada', reason: 'test' }));
    expect(await young.say('four')).toBe('green four');
    old.socket.destroy();
    young.socket.destroy();
    await until(async () => {
      counters = (await rig.observe()).counters;
      return counters.blue.sessions + counters.green.sessions === 0;
    });
    expect([counters.blue.answers, counters.green.answers, counters.blue.errors]).toEqual([1, 1, 0]);
  });

  test('an upgrade that the instance declines is answered with its own words; one that nobody can take is a 503', async () => {
    await using rig = await RouterTestRig.start();
    const { endpoint } = await rig.instance((_, res) => res.end());
    const declining = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.write('HTTP/1.1 426 No\r\nx-why: because\r\ncontent-length: 4\r\n\r\nnope'));
    });
    const { port } = await rig.service({ blue: [await rig.listening(declining)] });
    const answer = await upgradeAnswer(port);
    expect([answer.status, answer.why, answer.body]).toEqual([426, 'because', 'nope']);
    must(await rig.router.setEndpoints(api, 'blue', { key: 'blue-2', endpoints: [] }));
    expect((await upgradeAnswer(port)).status).toBe(503);
    // An offer of HTTP/2 in clear text is an ordinary request for a router that does not speak it.
    must(await rig.router.setEndpoints(api, 'blue', { key: 'blue-3', endpoints: [endpoint] }));
    expect((await get(port, '/', { headers: { connection: 'upgrade', upgrade: 'h2c' } })).status).toBe(200);
    const { blue } = (await rig.observe()).counters;
    expect([blue.inFlight, blue.sessions]).toEqual([0, 0]);
  });

  test('TCP: each connection goes to one slot and stays there, both directions end by themselves, a refusing instance is passed over', async () => {
    await using rig = await RouterTestRig.start();
    const dead = createServer();
    const refusing = await rig.listening(dead);
    await new Promise((resolve) => dead.close(resolve));
    const [blue, green] = [await rig.listening(lines('blue')), await rig.listening(lines('green'))];
    const { port, epoch } = await rig.service({ blue: [refusing, blue], green: [green] }, { traffic: 'connection' });
    const old = await line(port);
    expect(await old.say('one')).toBe('blue one');
    must(await rig.router.route(api, { epoch, weights: split(5_000), revertTo: 'blue' }));
    const young = await Promise.all(Array.from({ length: 40 }, () => line(port)));
    const answers = await Promise.all(young.map((one) => one.say('x')));
    const greens = answers.filter((answer) => answer === 'green x').length;
    expect([answers.filter((answer) => answer === 'blue x').length, greens > 5, greens < 35]).toEqual([40 - greens, true, true]);
    expect(await old.say('two')).toBe('blue two');
    // Half-closed: what was asked before the end is still answered.
    old.socket.end('last\n');
    const [last] = (await once(old.socket, 'data')) as [Buffer];
    expect(last.toString()).toBe('blue last\n');
    for (const one of young) one.socket.destroy();
    await until(async () => {
      const { counters } = await rig.observe();
      return counters.blue.sessions + counters.green.sessions === 0;
    });
    expect((await rig.observe()).counters.blue.errors).toBe(0);
  });

  test('TCP: without a live slot a connection is reset, not left waiting', async () => {
    await using rig = await RouterTestRig.start();
    const { port } = await rig.service({}, { traffic: 'connection' });
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => {});
    await new Promise((resolve) => socket.once('close', resolve));
    await until(async () => (await rig.observe()).counters.blue.errors === 1);
  });
});

/** A WebSocket server of the smallest kind: text frames below 126 bytes, sent back with its name. */
function echoing(name: string): Server {
  return createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (head) => {
      const key = /sec-websocket-key: (.*)\r\n/i.exec(head.toString())?.[1] ?? '';
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
      );
      socket.on('data', (frame) => {
        const closing = ((frame[0] ?? 0) & 0x0f) === 8;
        if (closing) return void socket.end(Buffer.from([0x88, 0]));
        const mask = frame.subarray(2, 6);
        const text = Buffer.from(frame.subarray(6).map((byte, at) => byte ^ (mask[at % 4] ?? 0))).toString();
        const answer = Buffer.from(`${name} ${text}`);
        return void socket.write(Buffer.concat([Buffer.from([0x81, answer.length]), answer]));
      });
    });
  });
}

/** A client for it: Node's own, which checks the handshake. */
async function webSocket(
  port: number,
): Promise<{ readonly socket: { destroy: () => void }; readonly say: (text: string) => Promise<string> }> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/feed`);
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve, { once: true });
    socket.addEventListener('error', () => reject(new Error('no WebSocket')), { once: true });
  });
  return {
    socket: { destroy: () => socket.close() },
    say: (text) =>
      new Promise((resolve) => {
        socket.addEventListener('message', (event) => resolve(String(event.data)), { once: true });
        socket.send(text);
      }),
  };
}

function upgradeAnswer(port: number): Promise<{ readonly status: number; readonly why: unknown; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const headers = { connection: 'upgrade', upgrade: 'websocket' };
    const req = request({ port, host: '127.0.0.1', agent: false, headers }, (res) => {
      let body = '';
      res.on('data', (chunk: Buffer) => (body += chunk.toString()));
      res.on('end', () => resolve({ status: res.statusCode ?? 0, why: res.headers['x-why'], body }));
    });
    req.on('error', reject);
    req.end();
  });
}

/** A TCP server that answers each line with its name, and ends when its client has. */
function lines(name: string): Server {
  return createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => socket.write(`${name} ${bytes.toString()}`));
    socket.on('end', () => socket.end());
  });
}

async function line(port: number): Promise<{ readonly socket: Socket; readonly say: (text: string) => Promise<string> }> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return {
    socket,
    say: async (text) => {
      socket.write(`${text}\n`);
      const [answer] = (await once(socket, 'data')) as [Buffer];
      return answer.toString().trimEnd();
    },
  };
}
