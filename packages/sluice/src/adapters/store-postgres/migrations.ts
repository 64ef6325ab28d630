import { readdir, readFile } from 'node:fs/promises';
import { digestOf, err, ok, SluiceError, type Digest, type Result } from '#kernel';
import type { Database } from './database.ts';

/** One numbered file of `sql/`: never edited once published, only followed by others. */
export type Migration = { readonly number: number; readonly name: string; readonly sql: string; readonly digest: Digest };

/** Any number that nobody else in the database uses for the same purpose. */
const INSTALL_LOCK = 7_758_423_001;

/** All migrations of this build, in order, without a gap. */
export async function readMigrations(folder: URL = new URL('../../../sql/', import.meta.url)): Promise<readonly Migration[]> {
  const names = (await readdir(folder)).filter((name) => /^\d{6}_[a-z0-9_]+\.sql$/.test(name)).toSorted();
  const migrations = await Promise.all(
    names.map(async (name) => {
      const sql = await readFile(new URL(name, folder), 'utf8');
      return { number: Number(name.slice(0, 6)), name, sql, digest: digestOf(sql) };
    }),
  );
  if (migrations.length === 0 || migrations.some(({ number }, at) => number !== at + 1)) {
    throw new Error(`migrations in ${folder.pathname} are not numbered from 1 without a gap`);
  }
  return migrations;
}

type Applied = { readonly number: number; readonly name: string; readonly digest: string };

/**
 * Brings the schema to what this build expects, in one transaction under a lock: of twenty at once one does the work.
 * A schema of another or a newer build is refused and left alone.
 */
export async function migrate(database: Database, migrations: readonly Migration[]): Promise<Result<number, SluiceError>> {
  const { schema } = database;
  return database.transaction(async (tx) => {
    await tx.query('select pg_advisory_xact_lock($1::bigint)', [INSTALL_LOCK]);
    await tx.query(`create schema if not exists ${schema}`);
    await tx.query(
      'create table if not exists schema_version (number int primary key, name text not null, digest text not null, applied_at timestamptz not null default now())',
    );
    const applied = await tx.query<Applied>('select number, name, digest from schema_version order by number');
    const refusal = misfit(schema, applied, migrations);
    if (refusal !== undefined) return err(refusal);
    for (const { number, name, sql, digest } of migrations.slice(applied.length)) {
      await tx.query(sql);
      await tx.query('insert into schema_version (number, name, digest) values ($1, $2, $3)', [number, name, digest]);
    }
    return ok(migrations.length);
  });
}

function misfit(schema: string, applied: readonly Applied[], migrations: readonly Migration[]): SluiceError | undefined {
  const newest = applied.at(-1);
  if (newest !== undefined && newest.number > migrations.length) {
    return new SluiceError(
      'config',
      `the database has schema version ${newest.number}, this sluice knows versions up to ${migrations.length}`,
      {
        hint: 'use the newer sluice, or another database (DATABASE_URL)',
        details: { schema, found: newest.number, known: migrations.length },
      },
    );
  }
  const other = applied.find(({ number, digest }, at) => migrations[at]?.number !== number || migrations[at].digest !== digest);
  if (other === undefined) return undefined;
  return new SluiceError('config', `the schema "${schema}" of the database is not ours: step ${other.number} (${other.name}) differs`, {
    hint: 'name another database (DATABASE_URL); this one was made by another build or changed by hand',
    details: { schema, step: other.number },
  });
}
