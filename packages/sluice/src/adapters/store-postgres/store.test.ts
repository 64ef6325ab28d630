import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock, systemIds } from '#host';
import { digestOf, isoTime, signingKeyFromSeed, toBase64, type Result, type SluiceError } from '#kernel';
import { noteSigner, verifyLog, type PendingEntry } from '#ledger';
import { startPostgres, startTemporaryPostgres, type PostgresServer } from '#postgres-server';
import { sequence, type Deployment, type SequencerPorts } from '#workflow';
import { isUnavailable, migrate, openDatabase, openLedgerFolder, openStore, readMigrations, type PostgresStore } from './index.ts';
import { dumpSchema } from './fixtures/schema-dump.ts';

let server: PostgresServer;
let folder: string;

const value = <T>(result: Result<T, SluiceError>): T => {
  if (!result.ok) throw result.error;
  return result.value;
};

beforeAll(async () => {
  server = value(await startTemporaryPostgres({ database: 'sluice' }));
  folder = await mkdtemp(join(tmpdir(), 'sluice-store-'));
});

afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A schema of its own for each test: an own database at the price of a name. */
const open = async (schema: string): Promise<PostgresStore> => value(await openStore({ url: server.url, schema }));

const deployment = (service: string, more: Partial<Deployment['request']> = {}): Deployment => ({
  request: {
    id: systemIds.next(),
    service,
    environment: 'staging',
    wanted: { kind: 'ref', ref: 'v1.0.0' },
    pipeline: 'default',
    requestedBy: 'controller',
    requestId: 'r1',
    chainId: 'c1',
    requestedAt: isoTime(systemClock.now()),
    ...more,
  },
  state: { kind: 'requested' },
  version: 1,
});

const entry = (at: number): PendingEntry => ({
  v: 1,
  id: `entry-${at}`,
  at: '2026-11-21T00:00:00.000000Z',
  type: 'controller.took-over',
  actorRef: 'controller',
  subject: { kind: 'controller', id: 'c1', digest: null },
  env: null,
  requestId: 'r1',
  chainId: 'c1',
  inputs: [],
  outcome: 'succeeded',
  reasons: [],
  body: { fromInstance: null, deployments: at },
});

test('twenty concurrent installs of the schema are fine', async () => {
  const stores = await Promise.all(Array.from({ length: 20 }, () => openStore({ url: server.url, schema: 'crowd', connections: 1 })));
  expect(stores.map(({ ok }) => ok)).toEqual(Array.from({ length: 20 }, () => true));
  await Promise.all(stores.map((store) => value(store)[Symbol.asyncDispose]()));
});

test('a schema of a newer or another build is refused in one line and left alone', async () => {
  await using database = openDatabase({ url: server.url, schema: 'other' });
  const ours = await readMigrations();
  const next = { number: ours.length + 1, name: '000099_next.sql', sql: 'create table later (id int)', digest: digestOf('later') };
  expect(await migrate(database, [...ours, next])).toEqual({ ok: true, value: ours.length + 1 });
  const newer = await openStore({ url: server.url, schema: 'other' });
  expect(!newer.ok && [newer.error.code, newer.error.message]).toEqual([
    'config',
    `the database has schema version ${ours.length + 1}, this sluice knows versions up to ${ours.length}`,
  ]);
  await database.transaction((tx) => tx.query('delete from schema_version where number = $1', [ours.length + 1]));
  await database.transaction((tx) => tx.query("update schema_version set digest = 'sha256:0' where number = 1"));
  const changed = await openStore({ url: server.url, schema: 'other' });
  expect(!changed.ok && changed.error.message).toContain('step 1 (000001_start.sql) differs');
});

test('the schema is the one that was committed to sql/schema.txt', async () => {
  await using _store = await open('dumped');
  const dumped = await dumpSchema(server.url, 'dumped');
  const path = new URL('../../../sql/schema.txt', import.meta.url);
  if (process.env['UPDATE_SCHEMA'] !== undefined) await writeFile(path, dumped);
  expect(dumped).toBe(await readFile(path, 'utf8'));
});

test('of fifty deployments of one service at once one is inserted and the others are told which stands in the way', async () => {
  await using store = await open('conflicts');
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => store.transaction((tx) => store.deployments.insert(tx, deployment('api')))),
  );
  expect(answers.filter(({ kind }) => kind === 'inserted')).toHaveLength(1);
  const [there] = await store.transaction((tx) => store.deployments.list(tx, { limit: 10 }));
  expect(answers.every((answer) => answer.kind === 'inserted' || answer.with.request.id === there!.request.id)).toBe(true);
});

test('a write that names another version than the stored one changes nothing (D08)', async () => {
  await using store = await open('versions');
  const first = deployment('api');
  await store.transaction((tx) => store.deployments.insert(tx, first));
  const next = await store.transaction((tx) => store.deployments.update(tx, first, { state: { kind: 'requested' }, owner: 'a' }));
  expect(next).toMatchObject({ version: 2, owner: 'a' });
  expect(await store.transaction((tx) => store.deployments.update(tx, first, { state: { kind: 'requested' }, owner: 'b' }))).toBe('stale');
  expect(await store.transaction((tx) => store.deployments.get(tx, first.request.id))).toMatchObject({ version: 2, owner: 'a' });
});

test('an entry whose transaction fails was never there, and one with a known id is not entered twice (I7)', async () => {
  await using store = await open('entries');
  const broken = store.transaction(async (tx) => {
    await store.entries.append(tx, [entry(1)]);
    throw new Error('the state change failed');
  });
  await expect(broken).rejects.toThrow('the state change failed');
  await store.transaction((tx) => store.entries.append(tx, [entry(2)]));
  await store.transaction((tx) => store.entries.append(tx, [entry(2)]));
  const stored = await store.transaction((tx) => store.entries.list(tx, { limit: 10 }));
  expect(stored.map((one) => one.entry.id)).toEqual(['entry-2']);
});

const seed = new Uint8Array(32).fill(3);
const signer = noteSigner('store.test/log', seed);

function sequencer(store: PostgresStore, name: string): SequencerPorts {
  return {
    store,
    keys: { origin: 'store.test/log', signers: [signer], verifiers: [signer.key] },
    ledgerFolder: openLedgerFolder({ folder: join(folder, name, 'ledger'), lastSigned: join(folder, name, 'last-signed') }),
    clock: systemClock,
  };
}

async function sequenceUntil(ports: SequencerPorts, size: number): Promise<void> {
  const stop = new AbortController();
  const done = sequence(ports, 'test', stop.signal);
  for (;;) {
    const checkpoint = await ports.store.transaction((tx) => ports.store.log.checkpoint(tx));
    const exported = await readFile(join(folder, ports === undefined ? '' : currentFolder, 'ledger', 'checkpoint'), 'utf8').catch(() => '');
    if (checkpoint?.size === size && exported === checkpoint.note) break;
    await systemClock.sleep(10);
  }
  stop.abort();
  expect(await done).toEqual({ kind: 'stopped' });
}
let currentFolder = '';

test('entries of many writers get numbers without gaps, and the exported files verify offline, across restarts of the sequencer', async () => {
  await using store = await open('sequenced');
  currentFolder = 'sequenced';
  const ports = sequencer(store, 'sequenced');
  await Promise.all(
    Array.from({ length: 40 }, (_, writer) =>
      store.transaction((tx) =>
        store.entries.append(
          tx,
          Array.from({ length: 10 }, (_, at) => entry(writer * 10 + at)),
        ),
      ),
    ),
  );
  await sequenceUntil(ports, 400);
  await store.transaction((tx) =>
    store.entries.append(
      tx,
      Array.from({ length: 200 }, (_, at) => entry(1_000 + at)),
    ),
  );
  await sequenceUntil(ports, 600);
  const numbered = await store.transaction((tx) => store.entries.list(tx, { limit: 1_000 }));
  expect(numbered.map(({ number }) => number)).toEqual(Array.from({ length: 600 }, (_, at) => at));
  const files = await readTree(join(folder, 'sequenced', 'ledger'));
  const verified = verifyLog(
    { read: (path) => files.get(path) },
    { origin: 'store.test/log', keys: [signer.key], earlier: [], anchor: { kind: 'optional' } },
  );
  expect(verified.kind).toBe('ok');
  expect(toBase64(signingKeyFromSeed(seed).publicKey)).toBe(toBase64(signer.key.publicKey));
});

test('while one holds the sequencer nobody else does; one that was evicted cannot commit', async () => {
  await using store = await open('leased');
  const first = await store.log.takeSequencer('one');
  expect(await store.log.takeSequencer('two')).toBeUndefined();
  await store.transaction((tx) => store.log.evictSequencer(tx, 'one'));
  await expect(first!.pending(1)).rejects.toMatchObject({ code: 'unavailable' });
  await using second = await store.log.takeSequencer('two');
  expect(second).toBeDefined();
});

test('a database that is behind what was signed is not signed again: a restored backup (verification refuses, nothing is written)', async () => {
  await using store = await open('restored');
  currentFolder = 'restored';
  const ports = sequencer(store, 'restored');
  await store.transaction((tx) => store.entries.append(tx, [entry(1)]));
  await sequenceUntil(ports, 1);
  await writeFile(join(folder, 'restored', 'last-signed'), `5\n${toBase64(new Uint8Array(32).fill(9))}\n`);
  await store.transaction((tx) => store.entries.append(tx, [entry(2)]));
  const end = await sequence(ports, 'test', new AbortController().signal);
  expect(end.kind === 'refused' && end.error.message).toContain('signed with 5 entries');
  expect((await store.transaction((tx) => store.log.checkpoint(tx)))?.size).toBe(1);
});

test('a database that is away is said so in one line, and the pool works again once it is back', async () => {
  const dataFolder = join(folder, 'own');
  const own = value(await startPostgres({ dataFolder, database: 'sluice', keep: 'throw-away' }));
  await using store = value(await openStore({ url: own.url }));
  await own.stop();
  const away = await store.transaction((tx) => store.people.list(tx)).catch((error: unknown) => error);
  expect(away).toMatchObject({ code: 'unavailable' });
  expect(isUnavailable(away)).toBe(true);
  const again = value(await startPostgres({ dataFolder, database: 'sluice', keep: 'throw-away' }));
  expect(await store.transaction((tx) => store.people.list(tx))).toEqual([]);
  await again.stop();
});

async function readTree(root: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const { readdir } = await import('node:fs/promises');
  const found = await readdir(root, { recursive: true, withFileTypes: true });
  const files = found.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
  return new Map(
    await Promise.all(files.map(async (path) => [path.slice(root.length + 1), Uint8Array.from(await readFile(path))] as const)),
  );
}
