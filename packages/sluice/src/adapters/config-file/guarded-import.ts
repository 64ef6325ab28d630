import { SluiceError } from '#kernel';

/** A definition only describes: one that takes longer waits for something that will not come. */
const LOAD_WITHIN_MS = 30_000;

const hint = 'a definition only describes: export default defineDelivery({ … })';

/**
 * Imports a configuration so that it can neither end this process as if all were well, nor let it end by waiting for ever, nor write into what a command prints:
 * `process.exit` throws, and what it logs goes to standard error.
 */
export async function guardedImport(url: string): Promise<unknown> {
  const exit = process.exit.bind(process);
  const { log, info, debug, error } = console;
  process.exit = (code): never => {
    throw new SluiceError('config', `ends the process (${code ?? 0})`, { hint });
  };
  Object.assign(console, { log: error, info: error, debug: error });
  const stuck = Promise.withResolvers<never>();
  const give = (why: string) => (): void => stuck.reject(new SluiceError('config', why, { hint }));
  // With nothing else to do Node would end here, in the middle of the import, with an exit code of its own.
  const onIdle = give('waits for a promise that never settles');
  process.once('beforeExit', onIdle);
  const timer = setTimeout(give(`is not loaded after ${LOAD_WITHIN_MS / 1_000} s`), LOAD_WITHIN_MS).unref();
  try {
    return await Promise.race([import(/* @vite-ignore */ url), stuck.promise]);
  } finally {
    clearTimeout(timer);
    process.off('beforeExit', onIdle);
    process.exit = exit;
    Object.assign(console, { log, info, debug });
  }
}
