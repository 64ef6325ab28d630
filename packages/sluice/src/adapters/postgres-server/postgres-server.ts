import { readFile } from 'node:fs/promises';
import { isRunning, systemClock, type ProcessIdentity } from '#host';
import { err, ok, SluiceError, type Clock, type Result } from '#kernel';
import { lastLine, owner, prepareCluster, type Cluster } from './cluster.ts';
import { launchServer, logSince, type Launched, type Listen } from './launch.ts';
import { layoutOf, type Layout } from './layout.ts';
import { findPostmaster, stopPostmaster, type Postmaster } from './postmaster.ts';
import { TemporaryFolders, type TemporaryFolder } from './temporary-folders.ts';

export type PostgresOptions = {
  /** Holds everything of this server: cluster, log, password, socket. Made when missing, readable by its owner only. */
  readonly dataFolder: string;
  /** A socket unless told. */
  readonly listen?: Listen;
  /** Made when missing; `postgres` unless told. */
  readonly database?: string;
  /** `throw-away` leaves out every sync to disk: quick, and lost with the machine. `durable` unless told. */
  readonly keep?: 'durable' | 'throw-away';
  /** Further variables of the server process, e.g. the marker by which its owner finds it again. */
  readonly env?: Readonly<Record<string, string>>;
  /** 30,000 unless told. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
};

/** A running PostgreSQL. It outlives this process unless it is stopped; `await using` stops it. */
export type PostgresServer = AsyncDisposable & {
  readonly url: string;
  readonly identity: ProcessIdentity;
  /** True when it was running already: whoever adopts it decides whether to stop it. */
  readonly adopted: boolean;
  readonly logFile: string;
  stop(): Promise<void>;
};

/** Starts the PostgreSQL of a data folder, or adopts the one that already serves it. Two starts at once end with one server. */
export async function startPostgres(options: PostgresOptions): Promise<Result<PostgresServer, SluiceError>> {
  const clock = options.clock ?? systemClock;
  const layout = layoutOf(options.dataFolder);
  try {
    const started = await start(options, layout, clock);
    if (!started.ok) return started;
    const { postmaster, adopted } = started.value;
    const stop = (): Promise<void> => stopPostmaster(postmaster.identity, clock);
    try {
      const url = await databaseUrl(layout, postmaster, options);
      if (options.database !== undefined)
        await ensureDatabase(await databaseUrl(layout, postmaster, { ...options, database: 'postgres' }), options.database);
      return ok({ url, identity: postmaster.identity, adopted, logFile: layout.logFile, stop, [Symbol.asyncDispose]: stop });
    } catch (error) {
      if (!adopted) await stop();
      throw error;
    }
  } catch (error) {
    const fact = options.signal?.aborted === true ? 'the start was cancelled' : (error as Error).message;
    return err(new SluiceError('unavailable', `PostgreSQL in ${layout.folder}: ${fact}`, { cause: error }));
  }
}

/** A PostgreSQL in a temporary folder of its own, without syncs; the folder goes with it, or with the next start when this process is killed. */
export async function startTemporaryPostgres(
  options: Omit<PostgresOptions, 'dataFolder' | 'keep'> = {},
): Promise<Result<PostgresServer, SluiceError>> {
  const clock = options.clock ?? systemClock;
  let temporary: TemporaryFolders | undefined;
  try {
    temporary = new TemporaryFolders();
    const folders = temporary;
    for (const abandoned of folders.abandoned()) await endAbandoned(abandoned, clock);
    const place = folders.open();
    const server = await startPostgres({ ...options, dataFolder: place.path, keep: 'throw-away' });
    const leave = (): void => {
      place.remove();
      folders[Symbol.dispose]();
    };
    if (!server.ok) {
      leave();
      return server;
    }
    let stopped: Promise<void> | undefined;
    const stop = (): Promise<void> => (stopped ??= server.value.stop().then(leave));
    return ok({ ...server.value, stop, [Symbol.asyncDispose]: stop });
  } catch (error) {
    temporary?.[Symbol.dispose]();
    return err(error instanceof SluiceError ? error : new SluiceError('unavailable', (error as Error).message, { cause: error }));
  }
}

/** Ends a temporary server whose owner was killed: nobody else would. */
async function endAbandoned({ path, remove }: TemporaryFolder, clock: Clock): Promise<void> {
  const postmaster = await findPostmaster(layoutOf(path).pgdata);
  if (postmaster !== undefined) await stopPostmaster(postmaster.identity, clock);
  remove();
}

/** Stops the PostgreSQL that serves a data folder, whoever started it; false when none does. */
export async function stopPostgresOf(dataFolder: string): Promise<boolean> {
  const running = await findPostmaster(layoutOf(dataFolder).pgdata);
  if (running === undefined) return false;
  await stopPostmaster(running.identity, systemClock);
  return true;
}

type Started = { readonly postmaster: Postmaster; readonly adopted: boolean };

/** What the log says when a later try may succeed: another start won, the last server's children are leaving, the free port was taken. */
const worthAnotherTry = /lock file|shared memory block .* is still in use|could not bind|could not create any TCP/;

/** Looks for a ready server, and starts one whenever nobody serves the folder, until the time is over. */
async function start(options: PostgresOptions, layout: Layout, clock: Clock): Promise<Result<Started, SluiceError>> {
  const deadline = clock.monotonic() + (options.timeoutMs ?? 30_000);
  const sync = options.keep !== 'throw-away';
  let cluster: Cluster | undefined;
  let own: Launched | undefined;
  try {
    while (clock.monotonic() < deadline) {
      const found = await findPostmaster(layout.pgdata);
      if (found?.ready === true) {
        const adopted = found.identity.pid !== own?.identity.pid;
        own = undefined;
        return ok({ postmaster: found, adopted });
      }
      if (found === undefined && (own === undefined || !isRunning(own.identity))) {
        if (own !== undefined) {
          const log = await logSince(layout, own.logFrom);
          if (!worthAnotherTry.test(log))
            return err(new SluiceError('unavailable', `PostgreSQL in ${layout.folder} does not start: ${lastLine(log)}`));
        }
        if (cluster === undefined) {
          const prepared = await prepareCluster({ layout, sync, env: options.env ?? {}, signal: options.signal });
          if (!prepared.ok) return prepared;
          cluster = prepared.value;
        }
        own = await launchServer(cluster, layout, { listen: options.listen ?? { kind: 'socket' }, sync });
      }
      await clock.sleep(10, options.signal);
    }
    return err(new SluiceError('unavailable', `PostgreSQL in ${layout.folder} is not ready in time`, { hint: `see ${layout.logFile}` }));
  } finally {
    // Whatever we started and nobody will use must not stay behind.
    if (own !== undefined) await stopPostmaster(own.identity, clock);
  }
}

async function databaseUrl(layout: Layout, { port }: Postmaster, { listen, database = 'postgres' }: PostgresOptions): Promise<string> {
  const name = encodeURIComponent(database);
  if (listen?.kind !== 'loopback') return `postgresql://${owner}@/${name}?host=${encodeURIComponent(layout.socketFolder)}`;
  return `postgresql://${owner}:${(await readFile(layout.password, 'utf8')).trim()}@127.0.0.1:${port}/${name}`;
}

async function ensureDatabase(url: string, database: string): Promise<void> {
  const { Client } = await import('pg'); // only who asks for a database pays for loading the client
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined); // a server that dies fails the query itself
  await client.connect();
  try {
    const found = await client.query('select 1 from pg_database where datname = $1', [database]);
    if (found.rowCount === 0) await client.query(`create database ${client.escapeIdentifier(database)}`);
  } catch (error) {
    const code = (error as { readonly code?: string }).code;
    if (code !== '42P04' && code !== '23505') throw error; // made by another at the same moment
  } finally {
    await client.end();
  }
}
