import type { Client } from 'pg';
import { isoTime } from '#kernel';
import type { IntegratedBatch, LogStore, SequencerLease, StoredEntry, Tx } from '#workflow';
import { asSluiceError, statementsOn, transactionOn, type Database } from './database.ts';

/** Any number that nobody else in the database uses for the same purpose. */
const SEQUENCER_LOCK = 7_758_423_002;

/** The stored log and the lease on continuing it, in PostgreSQL. */
export const logStore = (database: Database): LogStore => ({
  checkpoint: async (tx) => {
    const rows = await tx.query<{ size: number; root: string; note: string; signed_at: Date }>(
      'select size, root, note, signed_at from ledger_checkpoint order by size desc limit 1',
    );
    const row = rows[0];
    return row === undefined ? undefined : { size: row.size, root: row.root, note: row.note, signedAt: isoTime(row.signed_at.getTime()) };
  },
  // Copied: `slice` of a Buffer shares its memory, of a Uint8Array it does not, and who folds hashes in place relies on that.
  files: async (tx, paths) =>
    (await tx.query<{ path: string; bytes: Uint8Array }>('select path, bytes from ledger_tile where path = any($1)', [paths])).map(
      ({ path, bytes }) => ({ path, bytes: Uint8Array.from(bytes) }),
    ),
  takeSequencer: async (holder) => {
    const client = await database.dedicated();
    try {
      const fencing = await take(client, holder);
      if (fencing !== undefined) return leaseOn(client, fencing);
      await client.end();
      return undefined;
    } catch (error) {
      await client.end().catch(() => undefined);
      throw asSluiceError(error);
    }
  },
  evictSequencer: async (tx, holder) => {
    await tx.query(
      'select pg_terminate_backend(backend) from sequencer where holder = $1 and backend in (select pid from pg_stat_activity)',
      [holder],
    );
  },
});

/** The lock goes with the connection; the number it gives outlives it, and refuses a batch of whoever held it before. */
async function take(client: Client, holder: string): Promise<number | undefined> {
  const sql = statementsOn(client);
  const [lock] = await sql.query<{ taken: boolean }>('select pg_try_advisory_lock($1::bigint + hashtext(current_schema())) as taken', [
    SEQUENCER_LOCK,
  ]);
  if (lock?.taken !== true) return undefined;
  await sql.query('listen sluice_ledger');
  const [row] = await sql.query<{ fencing: number }>(
    'update sequencer set fencing = fencing + 1, holder = $1, backend = pg_backend_pid() returning fencing',
    [holder],
  );
  return row?.fencing;
}

function leaseOn(client: Client, fencing: number): SequencerLease {
  let heard = false;
  let wake: (() => void) | undefined;
  client.on('notification', () => {
    heard = true;
    wake?.();
  });
  const guarded = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      throw asSluiceError(error);
    });
  return {
    pending: (limit) => guarded(readPending(statementsOn(client), limit)),
    commit: (batch) => guarded(transactionOn(client, (tx) => writeBatch(tx, batch, fencing))),
    appended: async (ms, signal) => {
      if (!heard) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
          signal.addEventListener('abort', wake, { once: true });
        });
        if (wake !== undefined) signal.removeEventListener('abort', wake);
        wake = undefined;
      }
      heard = false;
    },
    [Symbol.asyncDispose]: () => client.end().catch(() => undefined),
  };
}

async function readPending(tx: Tx, limit: number): Promise<readonly StoredEntry['entry'][]> {
  const rows = await tx.query<{ body: string }>('select body from ledger_entry where number is null order by seq limit $1', [limit]);
  return rows.map(({ body }) => JSON.parse(body) as StoredEntry['entry']);
}

async function writeBatch(tx: Tx, batch: IntegratedBatch, fencing: number): Promise<'committed' | 'stale'> {
  const [held] = await tx.query<{ fencing: number }>('select fencing from sequencer for update');
  if (held?.fencing !== fencing) return 'stale';
  await tx.query(`update ledger_entry e set number = n.number from unnest($1::text[], $2::bigint[]) as n (id, number) where e.id = n.id`, [
    batch.numbered.map(({ id }) => id),
    batch.numbered.map(({ number }) => number),
  ]);
  await tx.query('delete from ledger_tile where path = any($1)', [batch.superseded]);
  await tx.query('insert into ledger_tile (path, bytes) select * from unnest($1::text[], $2::bytea[])', [
    batch.files.map(({ path }) => path),
    batch.files.map(({ bytes }) => Buffer.from(bytes)),
  ]);
  const { size, root, note, signedAt } = batch.checkpoint;
  await tx.query('insert into ledger_checkpoint (size, root, note, signed_at) values ($1, $2, $3, $4)', [size, root, note, signedAt]);
  return 'committed';
}
