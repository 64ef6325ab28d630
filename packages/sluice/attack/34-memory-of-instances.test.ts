import { describe, expect, test } from 'vitest';
import { agentRig } from './agent-rig.ts';

const megabytes = 1_048_576;

/** Grows, or works, in a child that forgets its parent: the instance itself stays small. */
const growing = (what: string): string => `const { spawn } = require('node:child_process');
if (process.argv[2] === 'child') { ${what} setInterval(() => {}, 1000); }
else {
  spawn(process.execPath, [__filename, 'child'], { detached: true, stdio: 'ignore' }).unref();
  require('node:http').createServer((_, answer) => answer.end('ok')).listen(Number(process.env.PORT), process.env.HOST);
  process.on('SIGTERM', () => process.exit(0));
}\n`;

describe('34 · long connections and memory are not watched', () => {
  test('memory of the whole family of an instance is measured: hiding it in a child of another session does not help', async () => {
    await using rig = await agentRig();
    const program = growing(`global.kept = Buffer.alloc(${300 * megabytes}, 1);`);
    const order = await rig.order({ 'server.cjs': program }, { start: ['node', 'server.cjs'] });
    await rig.healthy(order);
    const seen = await rig.when(order, ({ instances }) => (instances[0]?.usage?.memoryBytes ?? 0) > 300 * megabytes);
    expect(seen.instances[0]?.usage?.memoryBytes).toBeLessThan(2_000 * megabytes);
  });

  test('processor time is measured, and grows with the work that is done', async () => {
    await using rig = await agentRig();
    const program = growing(`const until = Date.now() + 1500; while (Date.now() < until);`);
    const order = await rig.order({ 'server.cjs': program }, { start: ['node', 'server.cjs'] });
    await rig.healthy(order);
    await rig.when(order, ({ instances }) => (instances[0]?.usage?.cpuMs ?? 0) > 500);
  });

  test('who does not run uses nothing, and says so by saying nothing', async () => {
    await using rig = await agentRig();
    const order = await rig.order({ 'server.cjs': 'process.exit(1)' }, { start: ['node', 'server.cjs'] });
    await rig.target.place(order);
    const seen = await rig.when(order, ({ instances }) => instances[0]?.state === 'exited');
    expect(seen.instances[0]?.usage).toBeUndefined();
  });
});
