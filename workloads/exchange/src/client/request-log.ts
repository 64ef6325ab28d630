import { createWriteStream, type WriteStream } from 'node:fs';
import { once } from 'node:events';
import type { Ending } from './tally.ts';

/** One line of the client's log: what was asked, when it should have gone out, and how it ended. Times are microseconds from the start. */
export type LogLine = {
  readonly at: number;
  readonly intended: number;
  readonly sent: number;
  readonly finished: number;
  readonly kind: 'new' | 'cancel' | 'order' | 'book';
  readonly clientOrderId?: string;
} & Ending;

/** The client's own record of every request, one JSON line each: the evidence that is held against the engine's journal. */
export class RequestLog {
  readonly #stream: WriteStream;

  private constructor(stream: WriteStream) {
    this.#stream = stream;
  }

  /** Opens the log or throws; a log that cannot be written is no evidence, so a later failure throws as well. */
  static async open(path: string): Promise<RequestLog> {
    const stream = createWriteStream(path, { flags: 'a', highWaterMark: 1 << 20 });
    await once(stream, 'open');
    return new RequestLog(stream);
  }

  write(line: LogLine): void {
    this.#stream.write(`${JSON.stringify(line)}\n`);
  }

  async close(): Promise<void> {
    this.#stream.end();
    await once(this.#stream, 'finish');
  }
}
