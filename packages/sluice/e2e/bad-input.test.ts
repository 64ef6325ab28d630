import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import pg from 'pg';
import { startPostgres } from '#postgres-server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { commitVersion } from './fixtures/project.ts';
import { startProbe } from './fixtures/probe.ts';
import { kill, processesOf, Rig, until } from './rig.ts';

/** One line, with what to do, and never a stack trace. */
function expectOneLine(err: string, wanted: RegExp): void {
  const lines = err.trim().split('\n');
  expect(lines, err).toHaveLength(1);
  expect(lines[0]).toMatch(wanted);
  expect(err).not.toMatch(/\n\s+at /);
}

describe('a control plane that serves', () => {
  let rig: Rig;
  beforeAll(async () => {
    rig = new Rig();
    commitVersion(rig.folder, 'v1.0.0');
    await rig.serve();
    expect(await rig.sluice('deploy', 'desk', 'v1.0.0')).toMatchObject({ code: 0 });
  });
  afterAll(async () => rig[Symbol.asyncDispose]());

  test('a reference that git does not know', async () => {
    const told = await rig.sluice('deploy', 'desk', 'v9.9.9');
    expect(told.code).toBe(2);
    expectOneLine(told.err === '' ? (told.out.trim().split('\n').at(-1) ?? '') : told.err, /v9\.9\.9/);
  });

  test('a service that nobody defined', async () => {
    const told = await rig.sluice('deploy', 'dusk', 'HEAD');
    expect(told.code).toBe(2);
    expectOneLine(told.err, /dusk.*desk/);
  });

  test.each([
    ['sick', 'v2.0.0', /healthy/],
    ['liar', 'v3.0.0', /digest/],
  ] as const)('a version that is a %s one never gets traffic, and the old one answers on', async (fault, version, wanted) => {
    await using probe = startProbe((await rig.status()).listen ?? '');
    commitVersion(rig.folder, version, fault);
    const told = await rig.sluice('deploy', 'desk', version);
    expect(told.code, told.out).toBe(1);
    expect(told.out).toMatch(wanted);
    expect(`${told.out}${told.err}`).not.toMatch(/\n\s+at /);
    expect(new Set(probe.answers.map((answer) => ('version' in answer ? answer.version : answer.failure)))).toEqual(new Set(['v1.0.0']));
    await until('nothing of it runs', async () =>
      (await rig.ps()).slots.every((slot) => slot.version === 'v1.0.0' || slot.instances.length === 0),
    );
    expect((await rig.status()).live?.version).toBe('v1.0.0');
  });

  test('a version that ignores SIGTERM is live, and gone when its time has come', async () => {
    await using probe = startProbe((await rig.status()).listen ?? '');
    commitVersion(rig.folder, 'v4.0.0', 'deaf');
    expect(await rig.sluice('deploy', 'desk', 'v4.0.0')).toMatchObject({ code: 0 });
    commitVersion(rig.folder, 'v5.0.0');
    expect(await rig.sluice('deploy', 'desk', 'v5.0.0')).toMatchObject({ code: 0 });
    await until('it is gone', async () =>
      processesOf(rig.folder).every(({ environment }) => !environment.includes('SLUICE_VERSION=v4.0.0')),
    );
    expect(probe.answers.filter((answer) => 'failure' in answer)).toEqual([]);
  });

  test('two deployments of one service at once: the second is refused in one line, the first goes on', async () => {
    await using _probe = startProbe((await rig.status()).listen ?? '');
    commitVersion(rig.folder, 'v6.0.0');
    commitVersion(rig.folder, 'v7.0.0');
    expect(await rig.sluice('deploy', 'desk', 'v6.0.0', '--detach')).toMatchObject({ code: 0 });
    const second = await rig.sluice('deploy', 'desk', 'v7.0.0');
    expect(second.code).toBe(2);
    expectOneLine(second.err, /desk.*local|local.*desk/);
    await until('the first is live', async () => (await rig.status()).live?.version === 'v6.0.0');
  });
});

test('a port in use is refused in one line, and nothing was started', async () => {
  await using rig = new Rig();
  commitVersion(rig.folder, 'v1.0.0');
  const holder = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => holder.once('listening', resolve));
  const { port } = holder.address() as AddressInfo;
  const told = await rig.sluice('serve', '--port', String(port));
  holder.close();
  expect(told.code).toBe(2);
  expectOneLine(told.err, new RegExp(`port ${port} is in use.*--port`));
  expect(processesOf(rig.folder)).toEqual([]);
});

test('a database of a newer schema is refused in one line, and what serves goes on', async () => {
  await using rig = new Rig();
  commitVersion(rig.folder, 'v1.0.0');
  const serving = await rig.serve();
  expect(await rig.sluice('deploy', 'desk', 'v1.0.0')).toMatchObject({ code: 0 });
  const { listen } = await rig.status();
  await kill(serving.child.pid);
  const server = await startPostgres({ dataFolder: join(rig.stateFolder, 'postgres'), database: 'sluice' });
  if (!server.ok) throw server.error;
  const client = new pg.Client({ connectionString: server.value.url });
  await client.connect();
  const { rows } = await client.query<{ schema: string }>(
    "select table_schema as schema from information_schema.tables where table_name = 'schema_version'",
  );
  await client.query(`insert into ${rows[0]?.schema}.schema_version (number, name, digest) values (999999, 'later', 'sha256:0')`);
  await client.end();

  const told = await rig.sluice('serve');
  expect(told.code).toBe(2);
  expectOneLine(told.err, /schema version 999999.*newer sluice/);
  await using probe = startProbe(listen ?? '');
  await until('it answers', async () => probe.answers.length > 20);
  expect(probe.answers.filter((answer) => 'failure' in answer)).toEqual([]);
});
