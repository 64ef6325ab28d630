import { hash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock } from '../../packages/sluice/src/adapters/host/index.ts';
import { startPostgres } from '../../packages/sluice/src/adapters/postgres-server/index.ts';
import { openLedgerFolder, openStore, type PostgresStore } from '../../packages/sluice/src/adapters/store-postgres/index.ts';
import {
  bundleEntries,
  bundlePath,
  emptyLog,
  integrate,
  noteSigner,
  type Integration,
  type PendingEntry,
  verifyLog,
} from '../../packages/sluice/src/ledger/index.ts';
import { logReader } from '../../packages/sluice/src/log-reader.ts';
import { sequence } from '../../packages/sluice/src/workflow/index.ts';
import { hand, progress } from './benchmark.ts';
import { median, type Figure } from './figure.ts';

/**
 * The ledger three ways. In process: what the sequencer can number, hash and sign. Durable: committed beside a state change, numbered, under a signed
 * checkpoint in PostgreSQL, which syncs every commit, with the files exported; the peer is the same transactions with a plain row in place of the entry.
 * Verified: a million entries read from exported files; the peer reads and hashes the same bytes and looks at nothing.
 */
const WRITERS = 8;
const PAIRS = 3;
const MILLION = 1_000_000;
/** As many as the sequencer takes at once. */
const BATCH = 4_096;

let last = 0;
const entry = (): PendingEntry => ({
  v: 1,
  id: `e${(last += 1)}`,
  at: '2026-11-21T00:00:00.000000Z',
  type: 'rollout.weight-changed',
  actorRef: 'controller:bench',
  subject: { kind: 'deployment', id: 'bench', digest: null },
  env: 'production',
  requestId: 'bench',
  chainId: 'bench',
  inputs: [],
  outcome: 'succeeded',
  reasons: [],
  body: { service: 'api', epoch: last, slot: 'green', fromBp: 500, toBp: 5_000 },
});

async function perSecond(
  store: PostgresStore,
  work: { readonly total: number; readonly perTransaction: number; readonly plain: boolean },
): Promise<number> {
  const began = systemClock.monotonic();
  let left = work.total;
  const before = await size(store);
  const write = async (): Promise<void> => {
    while (left > 0) {
      left -= work.perTransaction;
      const batch = Array.from({ length: work.perTransaction }, entry);
      await store.transaction(async (tx) => {
        if (!work.plain) return store.entries.append(tx, batch);
        await tx.query('insert into bench (id, body) select * from unnest($1::text[], $2::text[])', [
          batch.map(({ id }) => id),
          batch.map((one) => JSON.stringify(one)),
        ]);
      });
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
  while (!work.plain && (await size(store)) < before + work.total) await systemClock.sleep(5);
  return (work.total / (systemClock.monotonic() - began)) * 1_000;
}

const size = async (store: PostgresStore): Promise<number> => (await store.transaction((tx) => store.log.checkpoint(tx)))?.size ?? 0;

const signer = noteSigner('bench/log', new Uint8Array(32).fill(1));
const keys = { origin: 'bench/log', signers: [signer], verifiers: [signer.key] };

/** Through PostgreSQL: plain rows and entries by turns. */
async function durable(folder: string): Promise<{ readonly figures: readonly Figure[]; readonly detail: unknown }> {
  const server = await startPostgres({ dataFolder: join(folder, 'postgres'), database: 'sluice' });
  if (!server.ok) throw server.error;
  const stopServer = async (): Promise<void> => server.value.stop().finally(() => rmSync(folder, { recursive: true, force: true }));
  // A PostgreSQL outlives who started it, so whoever stops this early stops that as well.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void stopServer().finally(() => process.exit(1)));
  const store = await openStore({ url: server.value.url, connections: WRITERS + 2 });
  if (!store.ok) throw store.error;
  await store.value.transaction((tx) => tx.query('create table bench (id text primary key, body text not null)'));
  const stop = new AbortController();
  const ledgerFolder = openLedgerFolder({ folder: join(folder, 'ledger'), lastSigned: join(folder, 'last-signed') });
  const sequencing = sequence({ store: store.value, keys, ledgerFolder, clock: systemClock }, 'bench', stop.signal);
  const detail: unknown[] = [];
  const figures: Figure[] = [];
  for (const perTransaction of [1, 4, 50]) {
    const total = perTransaction === 1 ? 5_000 : 20_000;
    progress(`through PostgreSQL, ${perTransaction} per transaction`);
    const seen: { readonly entries: number; readonly plain: number }[] = [];
    for (let at = 0; at < PAIRS; at += 1) {
      const plain = await perSecond(store.value, { total, perTransaction, plain: true });
      seen.push({ plain, entries: await perSecond(store.value, { total, perTransaction, plain: false }) });
    }
    detail.push({ perTransaction, total, seen });
    figures.push({
      what: `durable, signed and exported; ${perTransaction} in a transaction`,
      measured: median(seen.map((one) => one.entries)),
      unit: 'entries/s',
      against: {
        peer: 'plain rows',
        measured: median(seen.map((one) => one.plain)),
        ratio: median(seen.map((one) => one.entries / one.plain)),
      },
      // The target does not say how many entries a state change has; a phase of a rollout writes two to four.
      ...(perTransaction === 4 ? { target: { of: 'measured', kind: 'at-least', limit: 10_000 } as const } : {}),
    });
  }
  stop.abort();
  await sequencing;
  await store.value[Symbol.asyncDispose]();
  await server.value.stop();
  return { figures, detail };
}

/** Numbers, hashes and signs a million entries in batches; the files of the log go to `folder`, outside of the measured time. */
function integrateMillion(folder: string): { readonly perSecond: readonly number[]; readonly peer: readonly number[] } {
  progress('a million entries in process');
  const perSecond: number[] = [];
  const peer: number[] = [];
  const made = new Set<string>();
  let done: Integration | undefined;
  for (let size = 0; size < MILLION;) {
    const batch = Array.from({ length: Math.min(BATCH, MILLION - size) }, entry);
    const began = performance.now();
    const next = integrate(done?.state ?? emptyLog(keys.origin), batch, { lastSigned: done?.checkpoint, signers: keys.signers });
    const middle = performance.now();
    for (const one of batch) hash('sha256', JSON.stringify(one), 'buffer');
    const end = performance.now();
    if (!next.ok) throw next.error;
    perSecond.push((batch.length / (middle - began)) * 1_000);
    peer.push((batch.length / (end - middle)) * 1_000);
    done = next.value;
    size = done.state.size;
    for (const path of done.superseded) rmSync(join(folder, path), { force: true });
    for (const { path, bytes } of done.files) {
      const at = join(folder, path);
      if (!made.has(dirname(at))) mkdirSync(dirname(at), { recursive: true });
      made.add(dirname(at));
      writeFileSync(at, bytes);
    }
  }
  writeFileSync(join(folder, 'checkpoint'), done?.checkpoint.note ?? '');
  return { perSecond, peer };
}

/** Seconds to verify the exported million, and seconds to read and hash its entries. */
function verifyMillion(folder: string): { readonly ours: readonly number[]; readonly peer: readonly number[]; readonly bytes: number } {
  progress(`verifying it, ${PAIRS} times`);
  const [ours, peer]: [number[], number[]] = [[], []];
  const reader = logReader(folder);
  let bytes = 0;
  for (let at = 0; at < PAIRS; at += 1) {
    const began = performance.now();
    const verified = verifyLog(reader, { origin: keys.origin, keys: keys.verifiers, earlier: [], anchor: { kind: 'optional' } });
    const middle = performance.now();
    if (verified.kind !== 'ok' || verified.checkpoint.size !== MILLION) throw new Error(`not verified: ${JSON.stringify(verified)}`);
    bytes = 0;
    for (let bundle = 0; bundle * 256 < MILLION; bundle += 1) {
      const file = reader.read(bundlePath(bundle, Math.min(256, MILLION - bundle * 256)));
      if (file === undefined) throw new Error(`bundle ${bundle} is missing`);
      bytes += file.length;
      for (const [from, to] of bundleEntries(file) ?? []) hash('sha256', file.subarray(from, to), 'buffer');
    }
    ours.push((middle - began) / 1_000);
    peer.push((performance.now() - middle) / 1_000);
  }
  return { ours, peer, bytes };
}

const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-ledger-'));
try {
  const through = await durable(folder);
  const million = join(folder, 'million');
  const integrated = integrateMillion(million);
  const verified = verifyMillion(million);
  hand({
    title: `ledger: append and verify (${WRITERS} writers; medians)`,
    figures: [
      ...through.figures,
      {
        what: `sequencer in process, batches of ${BATCH.toLocaleString('en-US')}`,
        measured: median(integrated.perSecond),
        unit: 'entries/s',
        against: {
          peer: 'JSON.stringify + SHA-256',
          measured: median(integrated.peer),
          ratio: median(integrated.perSecond.map((value, at) => value / (integrated.peer[at] ?? Number.NaN))),
        },
        target: { of: 'measured', kind: 'at-least', limit: 50_000 },
      },
      {
        what: '1,000,000 entries verified from files',
        measured: median(verified.ours),
        unit: 's',
        against: {
          peer: 'read + SHA-256',
          measured: median(verified.peer),
          ratio: median(verified.ours.map((value, at) => value / (verified.peer[at] ?? Number.NaN))),
        },
        target: { of: 'measured', kind: 'at-most', limit: 5 },
      },
    ],
    notes: [`An entry has about ${Math.round(verified.bytes / MILLION)} bytes. Ratios of rates: more is better; of seconds: less.`],
    detail: { durable: through.detail, integrated, verified },
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
