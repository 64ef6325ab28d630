import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isRunning, identifyProcess } from '#host';
import { ps } from '#target-local';
import { agentRig, answering, until, type AgentRig } from './agent-rig.ts';

/** Says something to a Unix socket and leaves: by closing its sending side, or by a reset once the bytes went out. */
async function saysAndLeaves(socketPath: string, bytes: string | Buffer, how: 'end' | 'reset'): Promise<void> {
  const socket = connect({ path: socketPath });
  await new Promise<void>((resolve) => {
    socket.on('error', () => resolve());
    socket.once('close', () => resolve());
    socket.once('connect', () => socket.write(bytes, () => (how === 'end' ? socket.end(resolve) : resolve())));
  });
  socket.destroy();
}

const head = (command: string, length: number): string =>
  `POST /${command} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`;

async function livesOn(rig: AgentRig): Promise<void> {
  const agent = identifyProcess(rig.agent.pid);
  const listing = await ps(rig.stateFolder);
  expect(listing.ok && listing.value.pid).toBe(rig.agent.pid);
  expect(agent !== undefined && isRunning(agent)).toBe(true);
}

describe('16 · crash by a caller', () => {
  test('each command of the agent, left at every tenth of its request: the agent lives on, and so does what it runs (I3)', async () => {
    await using rig = await agentRig();
    const order = await rig.order({ 'server.cjs': answering }, { start: ['node', 'server.cjs'] });
    const before = await rig.healthy(order);
    const socket = join(rig.stateFolder, 'agent.sock');
    const commands = ['resolve-executable', 'place', 'observe', 'attest', 'probe', 'retire', 'preserve', 'ps', 'stop'];
    for (const command of commands) {
      const body = JSON.stringify({ ...order, path: '/', name: 'x', instances: false });
      const whole = head(command, Buffer.byteLength(body)) + body;
      const cuts = Array.from({ length: 9 }, (_, at) => whole.slice(0, Math.ceil((whole.length * (at + 1)) / 10)));
      await Promise.all(cuts.flatMap((cut) => (['end', 'reset'] as const).map((how) => saysAndLeaves(socket, cut, how))));
    }
    await livesOn(rig);
    const after = await rig.when(order, ({ instances }) => instances[0]?.state === 'healthy');
    expect(after.instances[0]?.pid).toBe(before.instances[0]?.pid);
  });

  test('garbage, a body without end, a lie about its length, deep nesting, NUL and foreign keys: the agent answers or hangs up, and lives on', async () => {
    await using rig = await agentRig();
    const socket = join(rig.stateFolder, 'agent.sock');
    const deep = '['.repeat(300_000);
    const odd: readonly (string | Buffer)[] = [
      Buffer.from(Array.from({ length: 4_096 }, (_, at) => (at * 7) % 256)),
      'GET / HTTP/1.1\r\n\r\n',
      'POST /place HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n',
      'POST /place HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab',
      `${head('place', 2_000_000)}${'x'.repeat(1_500_000)}`,
      `${head('observe', 4)}${JSON.stringify({ service: 'a/b', slot: 'blue' })}`,
      `${head('observe', deep.length)}${deep}`,
      `${head('observe', 45)}{"service":"a/b\\u0000","slot":"blue","x":1}    `,
      `${head('place', 30)}{"__proto__":{"key":"x"}}     `,
      'POST /__proto__ HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}',
      'CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n',
      'POST /observe HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\ncontent-length: 2\r\n\r\n{}',
      'POST /observe HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 20\r\n\r\n',
    ];
    for (const bytes of odd) for (const how of ['end', 'reset'] as const) await saysAndLeaves(socket, bytes, how);
    await livesOn(rig);
  });

  test('callers that never finish do not keep others out', async () => {
    await using rig = await agentRig();
    const socketPath = join(rig.stateFolder, 'agent.sock');
    const slow = Array.from({ length: 200 }, () => connect({ path: socketPath }).on('error', () => undefined));
    await until('all of them have begun', () => slow.every((one) => !one.connecting));
    for (const one of slow) one.write(head('place', 1_000).slice(0, 40));
    await livesOn(rig);
    for (const one of slow) one.destroy();
  });

  test('an instance that answers health, drain and version with nonsense ends nothing but its own share', async () => {
    await using rig = await agentRig();
    const nonsense = `require('node:net').createServer((socket) => { socket.on('error', () => {});
      const all = ['\\x00\\x01', 'HTTP/1.1 200 OK\\r\\ncontent-length: 99999999999999999999\\r\\n\\r\\n', 'HTTP/1.1 101 x\\r\\nupgrade: y\\r\\nconnection: upgrade\\r\\n\\r\\n', 'HTTP/1.1 200 OK\\r\\ntransfer-encoding: chunked\\r\\n\\r\\nzz', 'HTTP/1.1 999 x\\r\\n\\r\\n', ''];
      global.at = (global.at ?? 0) + 1;
      socket.end(all[global.at % all.length]); }).listen(Number(process.env.PORT), process.env.HOST);`;
    const order = await rig.order({ 'server.cjs': nonsense }, { start: ['node', 'server.cjs'] });
    const placed = await rig.target.place(order);
    expect(placed.ok).toBe(true);
    await until('it was looked at', async () => {
      const probes = await Promise.all([rig.target.probe('test/api', 'blue', '/'), rig.target.attest('test/api', 'blue')]);
      return probes[0].ok;
    });
    for (let at = 0; at < 12; at += 1) await rig.target.probe('test/api', 'blue', '/health');
    expect((await rig.target.retire('test/api', 'blue', order.key)).ok).toBe(true);
    await livesOn(rig);
  });
});
