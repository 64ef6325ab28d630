import { join } from 'node:path';
import { isRunning, systemClock } from '#host';
import { SluiceError } from '#kernel';
import { startPostgres } from '#postgres-server';

/** How often the embedded database is looked after, in milliseconds. */
const lookEvery = 250;

/** The database of a control plane, and what keeps it running. */
export type KeptDatabase = {
  readonly url: string;
  readonly about: string;
  /** Starts it again whenever it is gone, until the signal aborts; nothing to do for a database of somebody else. */
  readonly keep: (signal: AbortSignal) => Promise<void>;
};

/** The database that `DATABASE_URL` names, else the embedded one of the state folder: started, or adopted when it runs already. */
export async function databaseOf(order: {
  readonly stateFolder: string;
  readonly url: string | undefined;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}): Promise<KeptDatabase> {
  const { url, signal } = order;
  if (url !== undefined && url !== '') {
    if (!/^postgres(ql)?:\/\//.test(url))
      throw new SluiceError('config', 'DATABASE_URL is no PostgreSQL address', {
        hint: 'give it as postgresql://user:password@host:5432/database',
      });
    return { url, about: 'the one DATABASE_URL names', keep: async () => undefined };
  }
  const start = async (until: AbortSignal): Promise<Awaited<ReturnType<typeof startPostgres>>> =>
    startPostgres({ dataFolder: join(order.stateFolder, 'postgres'), database: 'sluice', signal: until });
  const first = await start(signal);
  if (!first.ok) throw first.error;
  let server = first.value;
  const keep = async (until: AbortSignal): Promise<void> => {
    let told = false;
    while (!until.aborted) {
      if (!isRunning(server.identity)) {
        if (!told) order.say('the database is gone; starting it again');
        const again = await start(until);
        if (again.ok) server = again.value;
        else if (!told && !until.aborted) order.say(again.error.message);
        told = !again.ok;
      }
      await systemClock.sleep(lookEvery, until).catch(() => undefined);
    }
  };
  return { url: server.url, about: `embedded PostgreSQL, pid ${server.identity.pid}${server.adopted ? ', adopted' : ''}`, keep };
}
