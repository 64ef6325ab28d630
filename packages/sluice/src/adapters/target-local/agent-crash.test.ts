import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { SlotStatus } from '#rollout';
import { adoptAgent, keepAgent } from './agent-process.ts';
import { agentEntry, rig, slotWhen, until } from './fixtures/rig.ts';
import { triggerPoints } from './trigger-point.ts';

const isHealthy = (status: SlotStatus): boolean =>
  status.instances.length === 2 && status.instances.every((one) => one.state === 'healthy');
const placing = triggerPoints.filter((point) => !point.startsWith('retire:'));
const retiring = triggerPoints.filter((point) => point.startsWith('retire:'));

test('the list of points is complete: five while placing, three while retiring', () => {
  expect([placing.length, retiring.length]).toEqual([5, 3]);
});

describe('I4: kill -9 of the agent while it places', () => {
  for (const point of placing) {
    test(`at ${point}: the order repeated gives each instance once`, async () => {
      await using host = await rig();
      const order = await host.order('healthy', { instances: 2 });
      await host.crashAt(point);
      expect(await host.target.place(order)).toMatchObject({ ok: false, error: { kind: 'unreachable' } });
      await host.agentGone();
      await host.start();
      expect(await host.target.place(order)).toMatchObject({ ok: true });
      const status = await slotWhen(host.target, order, isHealthy);
      expect(new Set(host.processes())).toEqual(new Set(status.instances.map((one) => one.pid)));
      expect(host.processes()).toHaveLength(2);
      expect(status.instances.map((one) => one.restarts)).toEqual([0, 0]);
      expect(await host.target.attest(order.service, order.slot)).toMatchObject({
        ok: true,
        value: [{ artifact: order.artifact }, { artifact: order.artifact }],
      });
    });
  }

  test('a placement that was recorded is finished by the next agent, without being told again', async () => {
    await using host = await rig();
    const order = await host.order('healthy', { instances: 2 });
    await host.crashAt('place:recorded');
    await host.target.place(order);
    await host.agentGone();
    await host.start();
    await slotWhen(host.target, order, isHealthy);
  });
});

describe('I4: kill -9 of the agent while it retires', () => {
  for (const point of retiring) {
    test(`at ${point}: the next agent finishes, nothing runs on and nothing is started again`, async () => {
      await using host = await rig();
      const order = await host.order('healthy', { instances: 2 });
      await host.target.place(order);
      await slotWhen(host.target, order, isHealthy);
      await host.crashAt(point);
      expect(await host.target.retire(order.service, order.slot, order.key)).toMatchObject({ ok: false, error: { kind: 'unreachable' } });
      await host.agentGone();
      await host.start();
      await slotWhen(host.target, order, (status) => status.key === undefined);
      expect(host.processes()).toEqual([]);
    });
  }
});

describe('I3: instances outlive their agent', () => {
  test('an instance that died while no agent ran is counted as a restart', async () => {
    await using host = await rig();
    const order = await host.order('healthy', { instances: 2 });
    await host.target.place(order);
    const before = await slotWhen(host.target, order, isHealthy);
    await host.killAgent();
    process.kill(before.instances[0]?.pid ?? 0, 'SIGKILL');
    await until('it is gone', () => host.processes().length === 1);
    await host.start();
    const after = await slotWhen(host.target, order, isHealthy);
    expect(after.instances.map((one) => one.restarts)).toEqual([1, 0]);
    expect(after.instances[1]?.pid).toBe(before.instances[1]?.pid);
  });

  test('an adopted instance that dies is noticed and started again', async () => {
    await using host = await rig();
    const order = await host.order('healthy', { instances: 2 });
    await host.target.place(order);
    await slotWhen(host.target, order, isHealthy);
    await host.killAgent();
    await host.start();
    const adopted = await slotWhen(host.target, order, isHealthy);
    process.kill(adopted.instances[1]?.pid ?? 0, 'SIGKILL');
    const after = await slotWhen(host.target, order, (status) => isHealthy(status) && status.instances[1]?.restarts === 1);
    expect(after.instances[1]?.pid).not.toBe(adopted.instances[1]?.pid);
  });

  test('an instance that was serving is told to be healthy by the next agent from its first answer on', async () => {
    await using host = await rig();
    const order = await host.order('healthy', { instances: 2 });
    await host.target.place(order);
    await slotWhen(host.target, order, isHealthy);
    await host.killAgent();
    await host.start();
    const seen = await host.target.observe(order.service, order.slot);
    expect(seen.ok && seen.value.instances.map((one) => one.state)).toEqual(['healthy', 'healthy']);
  });
});

describe('one agent per state folder', () => {
  test('many starts at once end with one agent', async () => {
    await using host = await rig();
    await host.killAgent();
    const pids = await Promise.all(Array.from({ length: 4 }, () => host.start()));
    expect(new Set(pids).size).toBe(1);
    expect(agentsOf(host.stateFolder)).toEqual(pids.slice(0, 1));
  });

  test('a kept agent is started again whenever it dies, until it is no longer wanted', async () => {
    await using host = await rig();
    const wanted = new AbortController();
    const kept = keepAgent({ stateFolder: host.stateFolder, entry: agentEntry }, wanted.signal, (message) => expect.fail(message));
    const first = await adoptAgent(host.stateFolder);
    await host.killAgent();
    await until('another agent answers', async () => {
      const next = await adoptAgent(host.stateFolder);
      return next !== undefined && next.pid !== first?.pid;
    });
    wanted.abort();
    await kept;
  });

  test('a damaged record is set aside and told, and the other slots go on', async () => {
    await using host = await rig();
    const order = await host.order('healthy', { instances: 2 });
    await host.target.place(order);
    await slotWhen(host.target, order, isHealthy);
    await host.killAgent();
    await writeFile(join(host.stateFolder, 'agent/slots/test~other~blue.json'), '{"kind":"occ');
    await host.start();
    await slotWhen(host.target, order, isHealthy);
    expect(readFileSync(join(host.stateFolder, 'agent/slots/test~other~blue.json.damaged'), 'utf8')).toBe('{"kind":"occ');
  });
});

/** The agent processes that were given this state folder. */
function agentsOf(stateFolder: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => commandOf(pid).endsWith(`agent-under-test.ts\0${stateFolder}\0`));
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
