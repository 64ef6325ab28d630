import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { Client } from 'pg';
import { afterEach, expect, test } from 'vitest';
import { isRunning, signalProcess, systemClock } from '#host';
import type { Result, SluiceError } from '#kernel';
import { startPostgres, startTemporaryPostgres, type PostgresServer } from './index.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function folder(prefix = 'pg-test-'): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), prefix));
  cleanups.push(() => rm(path, { recursive: true, force: true }));
  return path;
}

function running(result: Result<PostgresServer, SluiceError>): PostgresServer {
  if (!result.ok) throw result.error;
  cleanups.push(() => result.value.stop());
  return result.value;
}

async function ask(url: string, sql: string): Promise<unknown> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ readonly answer: unknown }>(sql);
    return rows[0]?.answer;
  } finally {
    await client.end();
  }
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = systemClock.monotonic() + 20_000;
  while (!condition()) {
    if (systemClock.monotonic() > deadline) throw new Error('the condition never came true');
    await systemClock.sleep(5);
  }
}

test('a second start of the same folder adopts the running server, also when both begin at once', async () => {
  const dataFolder = await folder();
  const options = { dataFolder, database: 'orders', keep: 'throw-away' } as const;
  const both = (await Promise.all([startPostgres(options), startPostgres(options)])).map(running);
  expect(new Set(both.map((server) => server.identity.pid)).size).toBe(1);
  expect(both.filter((server) => server.adopted)).toHaveLength(1);
  expect(await ask(both[0]!.url, 'select current_database() as answer')).toBe('orders');
});

test('a killed server leaves a stale lock file, and the next start serves the same data', async () => {
  const dataFolder = await folder();
  const first = running(await startPostgres({ dataFolder }));
  await ask(first.url, 'create table kept as select 7 as n');
  signalProcess(first.identity, 'SIGKILL');
  await until(() => !isRunning(first.identity));
  const second = running(await startPostgres({ dataFolder }));
  expect(second.adopted).toBe(false);
  expect(await ask(second.url, 'select n as answer from kept')).toBe(7);
});

test('a lock file that names a stranger with the same process id does not keep the server from starting', async () => {
  const dataFolder = await folder();
  await running(await startPostgres({ dataFolder, keep: 'throw-away' })).stop();
  await writeFile(
    join(dataFolder, 'pgdata', 'postmaster.pid'),
    `${process.pid}\n${join(dataFolder, 'pgdata')}\n1\n5432\n/\n\n1 1\nready   \n`,
  );
  const server = running(await startPostgres({ dataFolder, keep: 'throw-away' }));
  expect(server.adopted).toBe(false);
  expect(server.identity.pid).not.toBe(process.pid);
});

test('on the loopback interface a wrong password is refused', async () => {
  const server = running(await startTemporaryPostgres({ listen: { kind: 'loopback' }, database: 'orders' }));
  expect(await ask(server.url, 'select 1 as answer')).toBe(1);
  await expect(ask(server.url.replace(/:[^:@]+@/, ':wrong@'), 'select 1 as answer')).rejects.toThrow(/password/);
});

test('a path too long for a socket address, with a comma and a space, works', async () => {
  const dataFolder = join(await folder(), `a, "b" ${'x'.repeat(100)}`);
  const server = running(await startPostgres({ dataFolder, keep: 'throw-away' }));
  expect(await ask(server.url, 'select 1 as answer')).toBe(1);
  const near = join(await folder(), 'a, "b"');
  expect(await ask(running(await startPostgres({ dataFolder: near, keep: 'throw-away' })).url, 'select 1 as answer')).toBe(1);
});

test('a server that cannot start says so in one line with the message of PostgreSQL', async () => {
  const dataFolder = await folder();
  await running(await startPostgres({ dataFolder, keep: 'throw-away' })).stop();
  await writeFile(join(dataFolder, 'pgdata', 'postgresql.conf'), 'no_such_setting = 1\n');
  const started = await startPostgres({ dataFolder });
  expect(started.ok).toBe(false);
  if (!started.ok)
    expect(started.error.message).toMatch(/^PostgreSQL in .* does not start: .*no_such_setting|configuration file.*contains errors/);
});

test('the server of a temporary folder leaves nothing behind', async () => {
  const server = running(await startTemporaryPostgres());
  await server.stop();
  expect(isRunning(server.identity)).toBe(false);
  await expect(readFile(server.logFile)).rejects.toThrow('ENOENT');
});

test('a temporary server whose owner was killed is ended by the next start', async () => {
  const abandoned = running(await startTemporaryPostgres());
  const note = join(tmpdir(), `sluice-${process.getuid?.() ?? 'user'}`, `${basename(dirname(abandoned.logFile))}.note`);
  await writeFile(note, JSON.stringify({ ...JSON.parse(await readFile(note, 'utf8')), pid: 4_000_000 }));
  running(await startTemporaryPostgres());
  expect(isRunning(abandoned.identity)).toBe(false);
  await expect(readFile(abandoned.logFile)).rejects.toThrow('ENOENT');
});

test('a folder that only looks like one of ours in /tmp is not touched, nor is the server in it', async () => {
  const theirs = await mkdtemp(join(tmpdir(), 'sluice-pg-'));
  cleanups.push(() => rm(theirs, { recursive: true, force: true }));
  const server = running(await startPostgres({ dataFolder: theirs, keep: 'throw-away' }));
  running(await startTemporaryPostgres());
  expect(isRunning(server.identity)).toBe(true);
});
