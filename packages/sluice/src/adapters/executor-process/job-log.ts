import { closeSync, fstatSync, openSync, readSync, renameSync, writeSync } from 'node:fs';
import type { SecretMask } from '#run';

export type JobLogOptions = {
  readonly mask: SecretMask | undefined;
  readonly onOutput?: ((bytes: Uint8Array) => void) | undefined;
  readonly spares: SpareLogs;
};

/** Logs into which nothing was written, to be used again: giving a file another name costs a tenth of making one. */
export class SpareLogs {
  readonly #paths: string[] = [];

  add(path: string): void {
    this.#paths.push(path);
  }

  moveTo(path: string): void {
    const spare = this.#paths.pop();
    if (spare === undefined) return;
    try {
      renameSync(spare, path);
    } catch {
      // Somebody removed it: a new one is made.
    }
  }
}

const tailBytes = 4_096; // what fits on a screen

/** The log of one attempt: what the job writes, secrets masked, whole also after a crash. */
export class JobLog implements Disposable {
  readonly fd: number;
  readonly #mask: SecretMask | undefined;
  readonly #onOutput: ((bytes: Uint8Array) => void) | undefined;
  /** The first error of writing: from then on output is lost, which fails the job. */
  lost: string | undefined;

  readonly #path: string;
  readonly #spares: SpareLogs;

  constructor(path: string, { mask, onOutput, spares }: JobLogOptions) {
    this.#path = path;
    this.#spares = spares;
    spares.moveTo(path);
    this.fd = openSync(path, 'a+', 0o600);
    this.#mask = mask;
    this.#onOutput = onOutput;
  }

  write(bytes: Uint8Array): void {
    this.#put(this.#mask === undefined ? bytes : this.#mask.push(bytes));
  }

  /** No more output comes: writes what the mask held back. */
  flush(): void {
    if (this.#mask !== undefined) this.#put(this.#mask.flush());
  }

  /** The end of the log, from the first whole line on when it is long. */
  tail(): string {
    const { size } = fstatSync(this.fd);
    const from = Math.max(0, size - tailBytes);
    const buffer = Buffer.alloc(size - from);
    const text = buffer.subarray(0, readSync(this.fd, buffer, 0, buffer.length, from)).toString();
    return from === 0 ? text : text.slice(text.indexOf('\n') + 1);
  }

  #put(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.lost !== undefined) return;
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(this.fd, bytes, at);
    } catch (error) {
      this.lost = (error as Error).message;
    }
    this.#onOutput?.(bytes);
  }

  [Symbol.dispose](): void {
    if (fstatSync(this.fd).size === 0) this.#spares.add(this.#path);
    closeSync(this.fd);
  }
}
