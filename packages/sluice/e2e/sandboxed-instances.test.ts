import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { milliseconds } from '#kernel';
import { siblingModule } from '#host';
import { targetContract, type SlotStatus } from '#rollout';
import { openSandbox } from '#sandbox';
import { searchPath, triggerPoints } from '#target-local';
import { rig, slotWhen, until, type Rig } from '../src/adapters/target-local/fixtures/rig.ts';

const entry = siblingModule(import.meta.url, './fixtures/confining-agent');
const isHealthy = (status: SlotStatus): boolean => status.instances.length > 0 && status.instances.every((one) => one.state === 'healthy');

for (const only of ['bubblewrap', 'namespaces'] as const) {
  const found = await openSandbox({ path: searchPath, home: homedir(), only });
  const host = (): Promise<Rig> => rig({ entry, files: { sandbox: only } });

  describe.runIf(found.isolation === only)(`instances in a sandbox of ${only}`, () => {
    describe('the contract of targets', () => {
      for (const { name, prove } of targetContract)
        test(name, async () => {
          await using one = await host();
          await prove({
            target: one.target,
            order: (changes) => one.order('healthy', changes),
            until: (condition) => until('the contract is satisfied', condition),
            restart: async () => {
              await one.killAgent();
              await one.start();
            },
            crash: async ({ service, slot }, instance) => {
              const status = await one.target.observe(service, slot);
              const pid = status.ok ? status.value.instances.find((each) => each.name === instance)?.pid : undefined;
              if (pid === undefined) throw new Error(`${instance} does not run`);
              process.kill(pid, 'SIGKILL');
            },
          });
        });
    });

    test.each(triggerPoints.filter((point) => !point.startsWith('retire:')))(
      'I4: kill -9 of the agent at %s while it places: the order repeated gives each instance once',
      async (point) => {
        await using one = await host();
        const order = await one.order('healthy', { instances: 2 });
        await one.crashAt(point);
        await one.target.place(order);
        await one.agentGone();
        await one.start();
        expect(await one.target.place(order)).toMatchObject({ ok: true });
        const status = await slotWhen(one.target, order, isHealthy);
        expect(status.instances.map((each) => each.restarts)).toEqual([0, 0]);
        expect(await one.target.attest(order.service, order.slot)).toMatchObject({
          ok: true,
          value: [{ artifact: order.artifact, executable: order.executable }, { artifact: order.artifact }],
        });
      },
    );

    test('an instance sees its artifact, its folders and the system, and nothing else: no state folder, no secret of others, no process (I11)', async () => {
      await using one = await host();
      writeFileSync(join(one.stateFolder, 'secrets.json'), '{"API_KEY":"of test","OTHER":"not asked"}', { mode: 0o600 });
      const order = await one.order('looks-around', {
        secrets: ['API_KEY'],
        folders: { JOURNAL: 'journal' },
        env: { SECRET_PLACES: [one.stateFolder, homedir()].join(':'), SOMEBODY: String(process.pid) },
      });
      expect(await one.target.place(order)).toMatchObject({ ok: true });
      const status = await slotWhen(one.target, order, isHealthy);
      expect(status.isolation).toBe(only);
      const answer = await one.target.probe(order.service, order.slot, '/look');
      const seen = JSON.parse(answer.ok ? (answer.value[0]?.body ?? '') : '') as Readonly<Record<string, unknown>>;
      expect(seen).toMatchObject({
        cwd: '/app',
        home: [],
        shadow: 'ENOENT',
        writesArtifact: expect.stringMatching(/EROFS|EACCES/) as string,
        writesFolder: 'yes',
        signals: 'ESRCH',
      });
      expect(seen['sees']).toEqual({ [one.stateFolder]: 'ENOENT', [homedir()]: expect.stringMatching(/ENOENT|EACCES/) as string });
      expect(seen['processes']).toBeLessThan(5);
      const { PATH: _path, ...env } = seen['env'] as Record<string, string>;
      expect(env).toEqual({
        HOME: '/tmp/home',
        TMPDIR: '/tmp',
        PORT: String(status.instances[0]?.endpoint?.port),
        HOST: '127.0.0.1',
        SLUICE_SERVICE: 'api',
        SLUICE_ENVIRONMENT: 'test',
        SLUICE_SLOT: 'blue',
        SLUICE_INSTANCE: 'api-blue-1',
        SLUICE_VERSION: '1.0.0',
        SLUICE_DIGEST: order.artifact,
        SLUICE_CONTROL: '/run/sluice/c.sock',
        SLUICE_CONTROL_TOKEN: expect.stringMatching(/^[0-9a-f]{48}$/) as string,
        API_KEY: 'of test',
        JOURNAL: '/data/journal',
        SECRET_PLACES: expect.any(String) as string,
        SOMEBODY: expect.any(String) as string,
      });
      expect(readFileSync(join(one.stateFolder, 'folders/test/api/journal/written'), 'utf8')).toBe('x');
    });

    test('an attestation that is asked for while the walls are still being built waits for the program', async () => {
      await using one = await host();
      const order = await one.order('healthy');
      await one.target.place(order);
      expect(await one.target.attest(order.service, order.slot)).toMatchObject({ ok: true, value: [{ executable: order.executable }] });
    });

    test('it is asked to drain over its socket, then told to end, and leaves nothing (I13)', async () => {
      await using one = await host();
      const order = await one.order('drains');
      await one.target.place(order);
      await slotWhen(one.target, order, isHealthy);
      expect(await one.target.retire(order.service, order.slot, order.key)).toMatchObject({ ok: true });
      const kept = await one.target.preserve(order.service, order.slot, order.key, 'after');
      expect(kept.ok && readFileSync(join(kept.value, 'logs/api-blue-1.log'), 'utf8')).toBe('POST /drain with the token\nSIGTERM\n');
      expect(readdirSync(one.stateFolder).filter((name) => name.startsWith('i-'))).toEqual([]);
      expect(one.processes()).toEqual([]);
    });

    test('a link that it puts in the place of its control socket leads the agent nowhere', async () => {
      await using one = await host();
      const heard: string[] = [];
      const server = createServer((request, response) => response.end(String(heard.push(String(request.url)))));
      await new Promise<void>((resolve) => server.listen(join(one.stateFolder, 'other.sock'), resolve));
      const order = await one.order('healthy');
      await one.target.place(order);
      await slotWhen(one.target, order, isHealthy);
      const [control] = readdirSync(one.stateFolder).filter((name) => name.startsWith('i-'));
      symlinkSync(join(one.stateFolder, 'other.sock'), join(one.stateFolder, control ?? '', 'c.sock'));
      expect(await one.target.retire(order.service, order.slot, order.key)).toMatchObject({ ok: true });
      server.close();
      expect(heard).toEqual([]);
    });

    test('who ignores SIGTERM, or leaves a child in a session of its own, is gone all the same (I13)', async () => {
      await using one = await host();
      const stubborn = await one.order('ignores-sigterm', { stopWithin: milliseconds(200) });
      await one.target.place(stubborn);
      await slotWhen(one.target, stubborn, isHealthy);
      expect(await one.target.retire(stubborn.service, stubborn.slot, stubborn.key)).toMatchObject({
        ok: true,
        value: { instances: [{ note: 'ignored SIGTERM for 200 ms and was killed' }] },
      });
      const forking = await one.order('forks-a-child');
      await one.target.place(forking);
      await slotWhen(one.target, forking, isHealthy);
      await one.target.retire(forking.service, forking.slot, forking.key);
      expect(one.processes()).toEqual([]);
    });

    test('an exit code and a signal are those of the program, not of its walls', async () => {
      await using one = await host();
      const order = await one.order('crashes-at-start', {});
      await one.target.place(order);
      const status = await slotWhen(one.target, order, ({ instances }) => instances[0]?.lastExit !== undefined);
      expect(status.instances[0]?.lastExit?.how).toEqual({ kind: 'code', code: 3 });
      await one.target.retire(order.service, order.slot, order.key);
      const healthy = await one.order('healthy');
      await one.target.place(healthy);
      await slotWhen(one.target, healthy, (seen) => isHealthy(seen) && (seen.instances[0]?.usage?.memoryBytes ?? 0) > 10_000_000);
      await one.target.probe(healthy.service, healthy.slot, '/segv');
      const after = await slotWhen(one.target, healthy, ({ instances }) => instances[0]?.lastExit !== undefined);
      expect(after.instances[0]?.lastExit?.how).toEqual({ kind: 'signal', signal: 'SIGSEGV' });
    });

    test.runIf(found.enforces.includes('memoryBytes'))(
      'an instance that grows past its limit is ended, and told as that; its neighbour is not',
      async () => {
        await using one = await host();
        const order = await one.order('healthy', { instances: 2, limits: { memoryBytes: 160 * 1_048_576 } });
        await one.target.place(order);
        const before = await slotWhen(one.target, order, isHealthy);
        const { host: address, port } = before.instances[0]?.endpoint ?? { host: '', port: 0 };
        await fetch(`http://${address}:${port}/grow`).catch(() => undefined);
        const after = await slotWhen(one.target, order, (status) => isHealthy(status) && status.instances[0]?.restarts === 1);
        expect(after.instances[0]?.lastExit?.how).toEqual({ kind: 'signal', signal: 'SIGKILL' });
        expect(after.instances[1]).toMatchObject({ pid: before.instances[1]?.pid, restarts: 0 });
      },
    );

    test('a machine that loses its sandbox starts nothing without walls that began within them; what runs is left alone', async () => {
      await using one = await host();
      const order = await one.order('healthy');
      await one.target.place(order);
      const before = await slotWhen(one.target, order, isHealthy);
      await one.killAgent();
      writeFileSync(join(one.stateFolder, 'sandbox'), 'none');
      await one.start();
      const adopted = await slotWhen(one.target, order, isHealthy);
      expect(adopted.instances[0]?.pid).toBe(before.instances[0]?.pid);
      process.kill(adopted.instances[0]?.pid ?? 0, 'SIGKILL');
      const after = await slotWhen(one.target, order, ({ instances }) => /not started/.test(instances[0]?.note ?? ''));
      expect(after.instances[0]?.note).toContain(`it was placed in a sandbox (${only}), and this machine has none now`);
      expect(one.processes()).toEqual([]);
    });
  });
}
