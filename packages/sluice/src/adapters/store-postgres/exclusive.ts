import { setTimeout as delay } from 'node:timers/promises';
import { asSluiceError, type Database } from './database.ts';

/** Any number that nobody else in the database uses for the same purpose. */
const START_LOCK = 7_758_423_003;
const AGAIN_MS = 50;

/**
 * Runs work under a lock of the session. Waiting asks again and again instead of blocking: a statement that blocks holds a snapshot, and an index that is built
 * concurrently by the holder would wait for it, and it for the holder.
 */
export async function exclusively<T>(database: Database, work: () => Promise<T>): Promise<T> {
  const client = await database.dedicated();
  try {
    for (;;) {
      const { rows } = await client
        .query<{ taken: boolean }>('select pg_try_advisory_lock($1::bigint) as taken', [START_LOCK])
        .catch((error: unknown) => {
          throw asSluiceError(error);
        });
      if (rows[0]?.taken === true) return await work();
      await delay(AGAIN_MS);
    }
  } finally {
    await client.end().catch(() => undefined);
  }
}
