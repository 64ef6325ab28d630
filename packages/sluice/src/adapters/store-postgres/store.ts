import { ok, type Result, type SluiceError } from '#kernel';
import type { Store } from '#workflow';
import { approvals } from './approvals.store.ts';
import { openDatabase, type DatabaseOptions } from './database.ts';
import { deployments } from './deployments.store.ts';
import { entries } from './entries.store.ts';
import { leases } from './leases.store.ts';
import { exclusively } from './exclusive.ts';
import { live } from './live-releases.store.ts';
import { logStore } from './log.store.ts';
import { migrate, readMigrations } from './migrations.ts';
import { nonces, people, register } from './people.store.ts';
import { releases } from './releases.store.ts';
import { reverts } from './reverts.store.ts';
import { setbacks } from './setbacks.store.ts';
import { rollouts } from './rollouts.store.ts';

/** The store over PostgreSQL; disposing closes its connections. */
export type PostgresStore = Store & AsyncDisposable;

/** Opens the store and brings its schema up to date; refuses a schema of a newer or another build. */
export async function openStore(options: DatabaseOptions): Promise<Result<PostgresStore, SluiceError>> {
  const database = openDatabase(options);
  const migrated = await migrate(database, await readMigrations()).catch(async (error: unknown) => {
    await database[Symbol.asyncDispose]();
    throw error;
  });
  if (!migrated.ok) {
    await database[Symbol.asyncDispose]();
    return migrated;
  }
  return ok({
    transaction: (work) => database.transaction(work),
    exclusively: (work) => exclusively(database, work),
    deployments,
    rollouts,
    releases,
    live,
    approvals,
    people,
    register,
    nonces,
    entries,
    reverts,
    setbacks,
    leases,
    log: logStore(database),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  });
}
