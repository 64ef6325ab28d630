import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf, milliseconds } from '#kernel';
import type { SlotOrder, SlotStatus } from '#rollout';
import { ownCommand } from '#host';
import { packArtifact } from './archive.ts';
import { executableOf } from './start-programs.ts';
import { httpCall } from './http-call.ts';
import { rig, slotWhen, until, type Rig } from './fixtures/rig.ts';

const isHealthy = (status: SlotStatus): boolean => status.instances.length > 0 && status.instances.every((one) => one.state === 'healthy');

async function placed(host: Rig, fixture: string, changes: Partial<SlotOrder> = {}): Promise<SlotOrder> {
  const order = await host.order(fixture, changes);
  const answer = await host.target.place(order);
  if (!answer.ok) throw new Error(answer.error.message);
  return order;
}

describe('what cannot be started is refused in one line, and the slot stays empty', () => {
  const refusals: readonly {
    readonly name: string;
    readonly changes: (host: Rig) => Promise<Partial<SlotOrder>>;
    readonly kind: string;
    readonly says: RegExp;
  }[] = [
    {
      name: 'a start command that is not there',
      changes: async () => ({ start: ['nodee', 'x'] }),
      kind: 'refused',
      says: /start command "nodee" was not found on /,
    },
    {
      name: 'another program than the release names',
      changes: async () => ({ executable: digestOf('other') }),
      kind: 'digest-mismatch',
      says: /the release says/,
    },
    {
      name: 'a missing archive',
      changes: async () => ({ archive: '/nowhere/a.tar', artifact: digestOf('absent') }),
      kind: 'archive-unreadable',
      says: /cannot read the archive .*ENOENT/,
    },
    {
      name: 'a garbage archive',
      changes: async (host) => {
        await writeFile(join(host.stateFolder, 'garbage.tar'), Buffer.alloc(2048, 'x'));
        return { archive: join(host.stateFolder, 'garbage.tar'), artifact: digestOf('other') };
      },
      kind: 'archive-unreadable',
      says: /is no artifact: a block is not a tar header/,
    },
    {
      name: 'an archive of another digest',
      changes: async () => ({ artifact: digestOf('other') }),
      kind: 'digest-mismatch',
      says: /holds .* the order says/,
    },
    {
      name: 'a missing secret, by name',
      changes: async () => ({ secrets: ['DB_PASSWORD'] }),
      kind: 'missing-secret',
      says: /secret DB_PASSWORD of test is not in .*secrets\.json/,
    },
    {
      name: 'a secret store that others can read',
      changes: async (host) => {
        await writeFile(join(host.stateFolder, 'secrets.json'), '{"DB_PASSWORD":"x"}');
        await chmod(join(host.stateFolder, 'secrets.json'), 0o644);
        return { secrets: ['DB_PASSWORD'] };
      },
      kind: 'refused',
      says: /can be read by others: chmod 600/,
    },
    {
      name: 'a service key that leads elsewhere',
      changes: async () => ({ service: '../etc/passwd' }),
      kind: 'refused',
      says: /place: service: expected environment\/service/,
    },
  ];
  let host: Rig;
  beforeAll(async () => {
    host = await rig();
  });
  afterAll(() => host[Symbol.asyncDispose]());
  for (const { name, changes, kind, says } of refusals) {
    test(name, async () => {
      const order = await host.order('healthy', await changes(host));
      const answer = await host.target.place(order);
      expect(answer).toMatchObject({ ok: false, error: { kind } });
      expect(!answer.ok && answer.error.message).toMatch(says);
      expect(!answer.ok && answer.error.message).not.toContain('\n');
      expect(await host.target.observe('test/api', 'blue')).toMatchObject({ ok: true, value: { instances: [] } });
      expect(host.processes()).toEqual([]);
    });
  }
});

describe('what goes wrong after the start is told in the note', () => {
  test('a service that exits at once: exit code, last words, restarts counted, secrets masked (I11)', async () => {
    await using host = await rig();
    await writeFile(join(host.stateFolder, 'secrets.json'), '{"test/API_KEY":"s3cr3t-key"}', { mode: 0o600 });
    const order = await placed(host, 'crashes-at-start', { secrets: ['API_KEY'] });
    const status = await slotWhen(
      host.target,
      order,
      ({ instances }) => (instances[0]?.restarts ?? 0) > 3 && instances[0]?.state === 'exited',
    );
    await until('the note is complete', async () => {
      const seen = await host.target.observe(order.service, order.slot);
      return seen.ok && seen.value.instances[0]?.note === 'exited with code 3: fatal error: no matching engine at ***';
    });
    expect(status.instances[0]?.pid).toBeUndefined();
    // It is started again and again: what counts is an answer given while it lay there, before and after.
    const lies = async (): Promise<number | undefined> => {
      const seen = await host.target.observe(order.service, order.slot);
      const [instance] = seen.ok ? seen.value.instances : [];
      return instance?.state === 'exited' ? instance.restarts : undefined;
    };
    await until('it was attested while it lay there', async () => {
      const before = await lies();
      const attested = await host.target.attest(order.service, order.slot);
      if (before === undefined || (await lies()) !== before) return false;
      expect(attested).toMatchObject({ ok: false, error: { kind: 'refused' } });
      return true;
    });
  });

  test('a service that never gets healthy says so after startWithin, with what it answered; failures count only from then on (D16)', async () => {
    await using host = await rig();
    const order = await placed(host, 'never-healthy', { startWithin: milliseconds(300) });
    const starting = await host.target.observe(order.service, order.slot);
    expect(starting).toMatchObject({ ok: true, value: { instances: [{ state: 'starting', healthFailuresInARow: 0 }] } });
    const status = await slotWhen(host.target, order, ({ instances }) => instances[0]?.state === 'unhealthy');
    // On a busy machine it does not even listen by then.
    expect(status.instances[0]?.note).toMatch(/^never healthy in 300 ms: GET \/health(?: answered 503$|: connect ECONNREFUSED )/);
    await slotWhen(host.target, order, ({ instances }) => (instances[0]?.healthFailuresInARow ?? 0) >= 3);
  });

  test('a service that lies about its digest: the attestation shows what was measured and what it said (I6)', async () => {
    await using host = await rig();
    const order = await placed(host, 'lies-about-digest');
    await slotWhen(host.target, order, isHealthy);
    expect(await host.target.attest(order.service, order.slot)).toMatchObject({
      ok: true,
      value: [{ artifact: order.artifact, selfReported: { version: '9.9.9', digest: `sha256:${'0'.repeat(64)}` } }],
    });
  });

  test('a tree that was changed on disk is measured as something else (I6)', async () => {
    await using host = await rig();
    const order = await placed(host, 'healthy');
    await slotWhen(host.target, order, isHealthy);
    const tree = join(host.stateFolder, 'trees', order.artifact.slice(7));
    await chmod(join(tree, 'healthy.mjs'), 0o644);
    await writeFile(join(tree, 'healthy.mjs'), 'tampered');
    const answer = await host.target.attest(order.service, order.slot);
    expect(answer.ok && answer.value[0]?.artifact !== order.artifact).toBe(true);
  });

  test('another process that took the port is not mistaken for the instance', async () => {
    await using host = await rig();
    const order = await placed(host, 'squatted', { startWithin: milliseconds(300) });
    const status = await slotWhen(host.target, order, ({ instances }) => instances[0]?.state === 'unhealthy');
    expect(status.instances[0]?.note).toMatch(/port \d+ is held by another process/);
  });
});

describe('stopping leaves nothing (I13)', () => {
  test('a service that ignores SIGTERM is killed at the deadline, and it is said', async () => {
    await using host = await rig();
    const order = await placed(host, 'ignores-sigterm', { stopWithin: milliseconds(200) });
    await slotWhen(host.target, order, isHealthy);
    expect(await host.target.retire(order.service, order.slot, order.key)).toMatchObject({
      ok: true,
      value: { instances: [{ state: 'stopped', note: 'ignored SIGTERM for 200 ms and was killed' }] },
    });
    expect(host.processes()).toEqual([]);
  });

  test('a child in a session of its own goes with its instance, also when the instance dies by itself', async () => {
    await using host = await rig();
    const order = await placed(host, 'forks-a-child');
    const first = await slotWhen(host.target, order, isHealthy);
    await until('the child runs', () => host.processes().length === 2);
    const [child] = host.processes().filter((pid) => pid !== first.instances[0]?.pid);
    process.kill(first.instances[0]?.pid ?? 0, 'SIGKILL');
    await slotWhen(host.target, order, (status) => isHealthy(status) && status.instances[0]?.restarts === 1);
    expect(host.processes()).not.toContain(child);
    await until('the new child runs', () => host.processes().length === 2);
    await host.target.retire(order.service, order.slot, order.key);
    expect(host.processes()).toEqual([]);
  });

  test('a service with a control socket is asked to drain, with its token, before SIGTERM', async () => {
    await using host = await rig();
    const order = await placed(host, 'drains');
    await slotWhen(host.target, order, isHealthy);
    await host.target.retire(order.service, order.slot, order.key);
    const kept = await host.target.preserve(order.service, order.slot, order.key, 'after');
    expect(kept.ok && readFileSync(join(kept.value, 'logs/api-blue-1.log'), 'utf8')).toBe('POST /drain with the token\nSIGTERM\n');
    expect(readdirSync(host.stateFolder).filter((name) => name.startsWith('i-'))).toEqual([]);
  });

  test('a retired artifact leaves no tree behind', async () => {
    await using host = await rig();
    const order = await placed(host, 'healthy');
    await host.target.retire(order.service, order.slot, order.key);
    await until('it is removed', () => readdirSync(join(host.stateFolder, 'trees')).length === 0);
  });
});

describe('an instance gets the environment of the contract and nothing else (I11)', () => {
  test('contract names win over declared ones, folders last, secrets only when asked for', async () => {
    await using host = await rig();
    await writeFile(join(host.stateFolder, 'secrets.json'), '{"API_KEY":"general","test/API_KEY":"of test","OTHER":"not asked"}', {
      mode: 0o600,
    });
    const order = await placed(host, 'healthy', {
      env: { MODE: 'fast', PORT: '1' },
      secrets: ['API_KEY'],
      folders: { JOURNAL: 'journal' },
    });
    const status = await slotWhen(host.target, order, isHealthy);
    const answers = await host.target.probe(order.service, order.slot, '/env');
    const env = JSON.parse(answers.ok ? (answers.value[0]?.body ?? '') : '') as Record<string, string>;
    expect(env).toEqual({
      PATH: expect.any(String) as string,
      HOME: expect.any(String) as string,
      TMPDIR: expect.any(String) as string,
      PORT: String(status.instances[0]?.endpoint?.port),
      HOST: '127.0.0.1',
      SLUICE_SERVICE: 'api',
      SLUICE_ENVIRONMENT: 'test',
      SLUICE_SLOT: 'blue',
      SLUICE_INSTANCE: 'api-blue-1',
      SLUICE_VERSION: '1.0.0',
      SLUICE_DIGEST: order.artifact,
      SLUICE_CONTROL: expect.stringContaining(host.stateFolder) as string,
      SLUICE_CONTROL_TOKEN: expect.stringMatching(/^[0-9a-f]{48}$/) as string,
      MODE: 'fast',
      API_KEY: 'of test',
      JOURNAL: join(host.stateFolder, 'folders/test/api/journal'),
    });
    expect(existsSync(env['JOURNAL'] ?? '')).toBe(true);
  });
});

test('a program of the artifact itself, a script, is started and attested by the interpreter that runs it', async () => {
  await using host = await rig();
  const project = join(host.stateFolder, 'project');
  await mkdir(project);
  const script = "require('node:http').createServer((_, answer) => answer.end('ok')).listen(Number(process.env.PORT), process.env.HOST)";
  await writeFile(join(project, 'serve'), `#!/usr/bin/env node\n${script}\n`, { mode: 0o755 });
  const packed = await packArtifact(project, ['serve'], join(host.stateFolder, 'archives'));
  const executable = await executableOf(['./serve'], project);
  if (!packed.ok || !executable.ok) throw new Error('cannot be packed');
  const { digest: artifact, path: archive } = packed.value;
  const order = await placed(host, 'healthy', { artifact, archive, executable: executable.value, start: ['./serve'] });
  await slotWhen(host.target, order, isHealthy);
  expect(await host.target.attest(order.service, order.slot)).toMatchObject({
    ok: true,
    value: [{ artifact, executable: executable.value }],
  });
});

describe('the control socket', () => {
  test('works for a state folder whose path is too long for a socket address', async () => {
    await using host = await rig({ name: 'long-name-'.repeat(12) });
    const order = await placed(host, 'drains');
    await slotWhen(host.target, order, isHealthy);
    expect(host.processes()).toHaveLength(1);
    expect((await host.target.retire(order.service, order.slot, order.key)).ok).toBe(true);
    const kept = await host.target.preserve(order.service, order.slot, order.key, 'after');
    expect(kept.ok && readFileSync(join(kept.value, 'logs/api-blue-1.log'), 'utf8')).toBe('POST /drain with the token\nSIGTERM\n');
  });

  test('is for its owner only', async () => {
    await using host = await rig();
    expect(statSync(join(host.stateFolder, 'agent.sock')).mode & 0o777).toBe(0o600);
  });

  test('answers garbage, unknown commands and oversized orders with a refusal, and lives on', async () => {
    await using host = await rig();
    const ask = async (path: string, body: string): Promise<string> => {
      const answer = await httpCall({ socketPath: join(host.stateFolder, 'agent.sock') }, { method: 'POST', path, body });
      return answer.kind === 'answered' ? `${answer.status} ${answer.body}` : answer.kind;
    };
    expect(await ask('/place', '{"key":')).toMatch(/^400 .*place: /);
    expect(await ask('/toString', '{}')).toMatch(/^404 .*has no command/);
    expect(await ask('/observe', '{"service":"a/b","slot":"red"}')).toMatch(/^400 .*observe: slot/);
    expect(await ask('/place', 'x'.repeat(2 * 1024 * 1024))).toMatch(/^413 |failed/);
    expect(await host.target.observe('test/api', 'blue')).toMatchObject({ ok: true });
  });

  test('a second agent of one folder ends with one line', async () => {
    await using host = await rig();
    const { command, args } = ownCommand(new URL('./fixtures/agent-under-test.ts', import.meta.url).href, [host.stateFolder]);
    const second = spawnSync(command, args, { encoding: 'utf8' });
    expect(second.status).toBe(1);
    expect(second.stderr).toMatch(/^the agent of .* runs already, as process \d+\n$/);
  });
});

test('a full disk refuses the order, and what runs in the other slot runs on', async (context) => {
  await using host = await rig();
  const order = await placed(host, 'healthy');
  const before = await slotWhen(host.target, order, isHealthy);
  const trees = join(host.stateFolder, 'trees');
  // A small disk of its own for the trees; the mount hides the tree of the running instance, whose files stay open.
  if (!(await succeeds('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'none', trees])))
    return context.skip('this user may not mount a small disk');
  try {
    await mkdir(join(trees, 'filler'));
    await expect(writeFile(join(trees, 'filler/a'), Buffer.alloc(64 * 1024))).rejects.toThrow('ENOSPC');
    const next = await host.order('drains', { slot: 'green', key: 'next' });
    const answer = await host.target.place(next);
    expect(answer).toMatchObject({ ok: false, error: { kind: 'refused' } });
    expect(!answer.ok && answer.error.message).toMatch(/no space left to extract .*: free some and deploy again/);
    expect(readdirSync(trees).filter((name) => name !== 'filler')).toEqual([]);
    const after = await slotWhen(host.target, order, isHealthy);
    expect(after.instances[0]?.pid).toBe(before.instances[0]?.pid);
  } finally {
    await succeeds('umount', ['-l', trees]);
  }
  return undefined;
});

async function succeeds(command: string, args: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'ignore' });
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}
