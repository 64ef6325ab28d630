import { Client, Pool, types, type ClientBase, type PoolClient } from 'pg';
import { SluiceError } from '#kernel';
import type { Tx } from '#workflow';

/** How to reach PostgreSQL, and how much of it to use. */
export type DatabaseOptions = {
  readonly url: string;
  /** The schema that holds our tables; another one lets two installations share a database. */
  readonly schema?: string;
  readonly connections?: number;
};

/** A pool of connections that mends itself: a connection that broke is thrown away, and the next caller gets a new one. */
export type Database = AsyncDisposable & {
  readonly schema: string;
  readonly pool: Pool;
  /** Runs the work in one transaction. Serialization failures and deadlocks are repeated: the work must be free of other effects. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** A connection of one's own, outside the pool; the caller ends it. */
  dedicated(): Promise<Client>;
};

// Sizes, versions and sequence numbers are bigint in SQL; all of ours stay far below 2^53.
types.setTypeParser(types.builtins.INT8, Number);

const ATTEMPTS = 5; // a deadlock victim wins on its second try; five says something is wrong

/** Opens the pool; connects only when first used. */
export function openDatabase({ url, schema = 'sluice', connections = 10 }: DatabaseOptions): Database {
  if (!/^[a-z_][a-z0-9_]*$/.test(schema)) throw new SluiceError('config', `"${schema}" cannot be the name of a schema`);
  const config = {
    connectionString: url,
    application_name: 'sluice',
    options: `-c search_path=${schema} -c statement_timeout=30000 -c idle_in_transaction_session_timeout=30000`,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
  };
  const pool = new Pool({ ...config, max: connections });
  // An idle connection that the server closed: the pool has dropped it already, and whoever needs one hears of it.
  pool.on('error', () => undefined);
  // Between two queries, and after the pool has given it up, a lost connection is an event without a listener, which would end the process.
  pool.on('connect', (client) => void client.on('error', () => undefined));
  const connect = async (): Promise<PoolClient> =>
    pool.connect().catch((error: unknown) => {
      throw asSluiceError(error);
    });
  const attempt = async <T>(work: (tx: Tx) => Promise<T>): Promise<T> => {
    const client = await connect();
    try {
      const value = await transactionOn(client, work);
      client.release();
      return value;
    } catch (error) {
      // A connection that could not even roll back must not be lent again.
      client.release(isUnavailable(error) ? true : undefined);
      throw asSluiceError(error);
    }
  };
  const transaction = async <T>(work: (tx: Tx) => Promise<T>): Promise<T> => {
    for (let tried = 1; ; tried += 1) {
      try {
        return await attempt(work);
      } catch (error) {
        if (tried >= ATTEMPTS || !isRepeatable(error)) throw error;
      }
    }
  };
  const dedicated = async (): Promise<Client> => {
    const client = new Client(config);
    client.on('error', () => undefined);
    await client.connect().catch((error: unknown) => {
      throw asSluiceError(error);
    });
    return client;
  };
  return { schema, pool, transaction, dedicated, [Symbol.asyncDispose]: () => pool.end() };
}

/** Runs the work between `begin` and `commit` on this connection; rolls back when it throws. */
export async function transactionOn<T>(client: ClientBase, work: (tx: Tx) => Promise<T>): Promise<T> {
  await client.query('begin');
  try {
    const value = await work(statementsOn(client));
    await client.query('commit');
    return value;
  } catch (error) {
    await client.query('rollback').catch((lost: unknown) => {
      if (!isUnavailable(error)) throw lost;
    });
    throw error;
  }
}

/** A connection as the stores see it. */
export const statementsOn = (client: ClientBase): Tx => ({
  query: async <Row>(sql: string, values: readonly unknown[] = []) => (await client.query(sql, [...values])).rows as readonly Row[],
});

const codeOf = (error: unknown): string => {
  const code: unknown = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
};

/** 40001 serialization_failure, 40P01 deadlock_detected: PostgreSQL took all of it back. */
const isRepeatable = (error: unknown): boolean => ['40001', '40P01'].includes(codeOf(error));

/** True when the database could not be asked at all, as opposed to saying no. */
export function isUnavailable(error: unknown): boolean {
  const code = codeOf(error);
  if (code === 'unavailable' || code.startsWith('08') || /^57P0[1-5]$/.test(code) || code === '53300') return true;
  if (['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH'].includes(code)) return true;
  if (error instanceof AggregateError) return error.errors.some(isUnavailable);
  // node-postgres gives these without a code.
  return error instanceof Error && /Connection terminated|timeout exceeded when trying to connect|not queryable/.test(error.message);
}

/** An error of the driver as one of ours; others pass through. */
export function asSluiceError(error: unknown): unknown {
  if (error instanceof SluiceError || !isUnavailable(error)) return error;
  const fact = error instanceof Error && error.message !== '' ? error.message : codeOf(error);
  return new SluiceError('unavailable', `the database does not answer: ${fact}`, {
    hint: 'traffic keeps flowing and reverts work; `sluice serve` restarts its own database, another one is named by DATABASE_URL',
    cause: error,
  });
}

/** The constraint that a row ran into, if that is what the error says. */
export const violated = (error: unknown): string | undefined =>
  codeOf(error) === '23505' && typeof error === 'object' && error !== null && 'constraint' in error ? String(error.constraint) : undefined;
