import type { Answer, Command } from '../wire/index.ts';
import { isChange, type Venue } from './venue.ts';

/** Where changes become durable. */
export interface ChangeLog {
  append(record: { readonly seq: number; readonly command: Command & { readonly op: 'new' | 'cancel' }; readonly answer: Answer }): void;
  sync(): Promise<void>;
}

type Waiting = { readonly answer: Answer; readonly send: (answer: Answer) => void };

/**
 * The single writer: applies commands in order of arrival and lets an answer out only after everything before it is on disk.
 *
 * While one batch is being synced the next one collects, so a slow disk makes batches larger, not the queue longer. Answers to
 * queries and repeats wait as well: they may tell of a change whose sync is still under way.
 */
export class Writer {
  readonly #venue: Venue;
  readonly #log: ChangeLog;
  readonly #onFailure: (cause: unknown) => void;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;

  constructor(venue: Venue, log: ChangeLog, onFailure: (cause: unknown) => void) {
    this.#venue = venue;
    this.#log = log;
    this.#onFailure = onFailure;
  }

  /** Applies a command now; `send` gets its answer when that may be told. */
  submit(command: Command, send: (answer: Answer) => void): void {
    const { changed, answer } = this.#venue.apply(command);
    if (changed && isChange(command)) this.#log.append({ seq: this.#venue.sequence, command, answer });
    this.#waiting.push({ answer, send });
    this.#running ??= this.#run();
  }

  /** Resolves when every submitted command was answered. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    await new Promise(setImmediate); // whatever else has arrived in this turn joins the first batch
    try {
      while (this.#waiting.length > 0) {
        const batch = this.#waiting;
        this.#waiting = [];
        await this.#log.sync();
        for (const { answer, send } of batch) send(answer);
      }
    } catch (error) {
      this.#onFailure(error); // the book is ahead of the disk now: only a restart, which replays, may go on
    } finally {
      this.#running = undefined;
    }
  }
}
