import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { InstanceStatus } from '#rollout';
import { agentRig, type AgentRig } from './agent-rig.ts';

describe('33 · a crash is told as a percentage', () => {
  let rig: AgentRig;
  beforeAll(async () => {
    rig = await agentRig();
    writeFileSync(join(rig.stateFolder, 'secrets.json'), JSON.stringify({ API_KEY: 's3cr3t "key"' }), { mode: 0o600 });
  });
  afterEach(() => rig.target.retire('test/api', 'blue', 'attack'));
  afterAll(() => rig[Symbol.asyncDispose]());

  async function crashed(program: string): Promise<InstanceStatus> {
    const order = await rig.order(
      { 'server.cjs': program },
      { start: ['node', 'server.cjs'], secrets: ['API_KEY'], folders: { STATE: 'state' } },
    );
    const placed = await rig.target.place(order);
    if (!placed.ok) throw new Error(placed.error.message);
    const [one] = (await rig.when(order, ({ instances }) => instances[0]?.lastExit !== undefined)).instances;
    if (one === undefined) throw new Error('no instance');
    return one;
  }

  test('an exit code, with the last words before it', async () => {
    const one = await crashed(`console.log('listening'); console.error('panic: index out of range'); process.exit(3)`);
    expect(one.lastExit).toMatchObject({ how: { kind: 'code', code: 3 }, lastLines: ['listening', 'panic: index out of range'] });
    expect(one.lastExit?.at).toBeGreaterThan(1_600_000_000_000);
    expect(one.note).toBe('exited with code 3: panic: index out of range');
  });

  test('a signal', async () => {
    const one = await crashed(`process.kill(process.pid, 'SIGSEGV'); setTimeout(() => {}, 1000)`);
    expect(one.lastExit?.how).toEqual({ kind: 'signal', signal: 'SIGSEGV' });
  });

  test('its secrets are not told, in plain or in other spellings, nor are sequences for a terminal; and no more than a few lines (I11)', async () => {
    const one = await crashed(`const key = process.env.API_KEY;
for (let n = 0; n < 2000; n += 1) console.log('line ' + n + ' ' + 'x'.repeat(500));
console.log('a ' + key); console.log('b ' + JSON.stringify({ key })); console.log('c ' + Buffer.from(key).toString('base64'));
console.log('d \\u001b[2J\\u001b]0;title\\u0007 \\u202eabc'); process.exit(1)`);
    const lines = one.lastExit?.lastLines ?? [];
    expect(lines).toHaveLength(5);
    expect(lines.slice(1, 4)).toEqual(['a ***', 'b {"key":"***"}', 'c ***']);
    expect(lines.at(-1)).toBe('d \\u{1b}[2J\\u{1b}]0;title\\u{7} \\u{202e}abc');
    expect(lines.every((line) => line.length <= 200)).toBe(true);
    expect(JSON.stringify(one)).not.toMatch(/s3cr3t|czNjcjN0/);
  });

  test('the words of an earlier process are not told as those of a later one', async () => {
    const one = await crashed(`const fs = require('node:fs');
const file = process.env.STATE + '/once';
if (!fs.existsSync(file)) { fs.writeFileSync(file, ''); console.error('fatal: the first one'); }
process.exit(4)`);
    expect(one.lastExit?.lastLines).toEqual(['fatal: the first one']);
    const order = { service: 'test/api', slot: 'blue' } as Parameters<AgentRig['when']>[0];
    const later = await rig.when(
      order,
      ({ instances }) => (instances[0]?.restarts ?? 0) > 0 && instances[0]?.lastExit?.lastLines.length === 0,
    );
    expect(later.instances[0]?.lastExit?.how).toEqual({ kind: 'code', code: 4 });
  });
});
