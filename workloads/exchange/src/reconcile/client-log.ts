import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** The part of a client's log line that counts here. */
export type ClientRecord = {
  readonly kind: 'new' | 'cancel' | 'order' | 'book';
  readonly clientOrderId?: string;
} & ({ readonly status: number; readonly version: string } | { readonly error: string });

/** A client log that cannot be counted; a count over half a log would look like proof. */
export class BadClientLog extends Error {
  override readonly name = 'BadClientLog';
}

/** Reads client logs one after the other, line by line. */
export async function* readClientLogs(paths: readonly string[]): AsyncGenerator<ClientRecord> {
  for (const path of paths) {
    let number = 0;
    for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
      number++;
      yield parseLine(line, `${path}:${number}`);
    }
  }
}

function parseLine(line: string, place: string): ClientRecord {
  try {
    const value = JSON.parse(line) as Record<string, unknown>;
    const ended = typeof value['error'] === 'string' || (typeof value['status'] === 'number' && typeof value['version'] === 'string');
    if (ended && ['new', 'cancel', 'order', 'book'].includes(value['kind'] as string)) return value as unknown as ClientRecord;
  } catch {
    // falls through to the one message for both
  }
  throw new BadClientLog(`${place}: not a line of the client's log; was the client killed before it finished?`);
}
