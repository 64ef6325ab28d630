import { describe, expect, test } from 'vitest';
import { http, service } from '#define';
import { milliseconds } from '#kernel';
import { agentRig } from './agent-rig.ts';

/** Answers its health with the statuses in turn, and tells how often it was asked. */
const statuses = (turn: string): string => `let asked = 0;
const status = (at) => (${turn});
require('node:http').createServer((request, answer) => {
  if (request.url === '/asked') return answer.end(String(asked));
  answer.writeHead(status(asked++)).end();
}).listen(Number(process.env.PORT), process.env.HOST);
process.on('SIGTERM', () => process.exit(0));\n`;

describe('28 · health is one look', () => {
  test('any 2xx answer is a good one, as the contract says', async () => {
    await using rig = await agentRig();
    for (const status of [200, 201, 204, 299]) {
      const order = await rig.order({ 'server.cjs': statuses(String(status)) }, { start: ['node', 'server.cjs'], key: String(status) });
      expect((await rig.healthy(order)).instances[0]?.state).toBe('healthy');
      await rig.target.retire(order.service, order.slot, order.key);
    }
  });

  test('one 503 in twenty looks never takes the only instance out, whatever fall says', async () => {
    await using rig = await agentRig();
    const order = await rig.order({ 'server.cjs': statuses('at % 20 === 19 ? 503 : 200') }, { start: ['node', 'server.cjs'] });
    for (const fall of [1, 3]) {
      const declared = { ...order, key: `fall-${fall}`, health: { ...order.health, fall, interval: milliseconds(5) } };
      await rig.healthy(declared);
      const seen = new Set<string>();
      // Two hundred looks hold ten bad ones; each state between them is asked for, not only the last.
      for (let asked = 0; asked < 200;) {
        const status = await rig.target.observe('test/api', 'blue');
        if (status.ok) for (const one of status.value.instances) seen.add(one.state);
        const answers = await rig.target.probe('test/api', 'blue', '/asked');
        asked = answers.ok ? Number(answers.value[0]?.body) : asked;
      }
      expect([...seen]).toEqual(['healthy']);
      await rig.target.retire('test/api', 'blue', declared.key);
    }
  });

  test('a sick instance goes out after fall looks and comes back after rise good ones', async () => {
    await using rig = await agentRig();
    const program = statuses('at >= 10 && at < 14 ? 503 : 200');
    const order = await rig.order({ 'server.cjs': program }, { start: ['node', 'server.cjs'] });
    const declared = { ...order, health: { ...order.health, rise: 3, fall: 4, interval: milliseconds(100) } };
    await rig.healthy(declared);
    const out = await rig.when(declared, ({ instances }) => instances[0]?.state === 'unhealthy');
    expect(out.instances[0]?.healthFailuresInARow).toBe(4);
    await rig.when(declared, ({ instances }) => instances[0]?.state === 'healthy');
    const asked = await rig.target.probe('test/api', 'blue', '/asked');
    expect(asked.ok && Number(asked.value[0]?.body)).toBeGreaterThanOrEqual(17);
  });

  test('what is declared is what is looked for: http(path, { rise, fall }), with defaults that need no thought', () => {
    const declared = service({ start: ['node', 'x'], files: ['x'], health: http('/status', { rise: 2, fall: 5 }) });
    expect(declared.health).toMatchObject({ kind: 'http', path: '/status', rise: 2, fall: 5 });
    expect(service({ start: ['node', 'x'], files: ['x'] }).health).toMatchObject({ rise: 1, fall: 3 });
  });
});
