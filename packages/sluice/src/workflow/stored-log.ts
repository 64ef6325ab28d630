import type { LogReader } from '#ledger';
import type { Store } from './store.ts';

/** Runs work that reads files of the stored log, and fetches each as it is asked for: the work begins again with every one. */
export async function readStoredLog<T>(
  store: Store,
  known: Map<string, Uint8Array | undefined>,
  work: (reader: LogReader) => T,
): Promise<T> {
  const read = (path: string): Uint8Array | undefined => {
    if (!known.has(path)) throw new NotFetched(path);
    return known.get(path);
  };
  for (;;) {
    try {
      return work({ read });
    } catch (thrown) {
      if (!(thrown instanceof NotFetched)) throw thrown;
      const { path } = thrown;
      const [file] = await store.transaction((tx) => store.log.files(tx, [path]));
      known.set(path, file?.bytes);
    }
  }
}

/** A file of the stored log that was not read yet. */
class NotFetched extends Error {
  readonly path: string;

  constructor(path: string) {
    super(path);
    this.path = path;
  }
}
