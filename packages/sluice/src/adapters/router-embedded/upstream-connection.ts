import type { Socket } from 'node:net';
import { AnswerReader, type AnswerHead } from './answer-reader.ts';

/** What an exchange hears from its connection. After `onEnd`, `onFail` or `onUpgrade` it hears nothing more. */
export type Exchange = {
  readonly onHead: (head: AnswerHead) => void;
  readonly onContinue: () => void;
  readonly onData: (chunk: Buffer) => void;
  /** The answer is complete; `reusable` when the connection can carry another exchange. */
  readonly onEnd: (reusable: boolean) => void;
  readonly onUpgrade: (head: AnswerHead, socket: Socket, rest: Buffer) => void;
  /** The connection broke, or the answer was no HTTP. */
  readonly onFail: (why: string) => void;
  readonly onDrain: () => void;
};

/** One connection to an instance, that carries one exchange at a time. */
export class UpstreamConnection {
  readonly socket: Socket;
  idleUntil = 0;
  keepAliveHintMs: number | undefined;
  onIdleClose: () => void = () => {};
  /** How many exchanges it has carried before the current one. */
  carried = -1;
  #exchange: Exchange | undefined;
  #reader: AnswerReader | undefined;
  #requestSent = true;
  readonly #onData = (chunk: Buffer): void => this.#read(chunk);
  readonly #onEnd = (): void => this.#ended();
  readonly #onError = (error: NodeJS.ErrnoException): void => this.#broke(error.code ?? error.message);
  readonly #onClose = (): void => this.#broke('connection closed');
  readonly #onDrain = (): void => this.#exchange?.onDrain();

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    socket.on('drain', this.#onDrain);
  }

  get usable(): boolean {
    // Bytes that wait to be read are none of the next answer.
    return this.socket.writable && this.socket.readable && this.socket.readableLength === 0 && this.#exchange === undefined;
  }

  /** Sends the head of a request; its body follows by `write`, and `sent` when it is whole. */
  begin(
    head: string,
    how: { readonly method: string; readonly bodyFollows: boolean; readonly upgrade: boolean },
    exchange: Exchange,
  ): void {
    this.carried += 1;
    this.#exchange = exchange;
    this.#requestSent = !how.bodyFollows;
    this.#reader = new AnswerReader(how);
    this.socket.write(head, 'latin1');
  }

  /** False when the instance reads slower than we write: wait for `onDrain`. */
  write(bytes: Buffer | string): boolean {
    return this.socket.write(bytes);
  }

  cork(): void {
    this.socket.cork();
  }

  uncork(): void {
    this.socket.uncork();
  }

  /** The request is complete. */
  sent(): void {
    this.#requestSent = true;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Idle, it gives its place to another. */
  release(): void {
    this.onIdleClose();
    this.destroy();
  }

  destroy(): void {
    this.#exchange = undefined;
    this.socket.destroy();
  }

  #read(chunk: Buffer): void {
    const exchange = this.#exchange;
    const reader = this.#reader;
    // Bytes that nobody asked for: the next answer on this connection could not be trusted.
    if (exchange === undefined || reader === undefined) return this.destroy();
    let rest: Buffer | undefined = chunk;
    while (rest !== undefined && this.#exchange === exchange) {
      const step = reader.next(rest);
      rest = step.rest;
      switch (step.kind) {
        case 'more':
          return;
        case 'continue':
          exchange.onContinue();
          break;
        case 'head':
          this.keepAliveHintMs = step.head.keepAliveHintMs ?? this.keepAliveHintMs;
          exchange.onHead(step.head);
          break;
        case 'data':
          exchange.onData(step.data);
          break;
        case 'upgrade':
          this.#exchange = undefined;
          // Only those of this class: others have to hear of its end.
          this.socket.off('data', this.#onData).off('end', this.#onEnd).off('error', this.#onError);
          this.socket.off('close', this.#onClose).off('drain', this.#onDrain);
          exchange.onUpgrade(step.head, this.socket, step.rest);
          return;
        case 'end':
          // What the instance has not taken of this request would stand before the next one.
          this.#finish(exchange, step.reusable && step.rest.length === 0 && this.#requestSent && this.socket.writableLength === 0);
          return;
        case 'invalid':
          this.#broke(step.why);
          return;
      }
    }
  }

  #finish(exchange: Exchange, reusable: boolean): void {
    this.#exchange = undefined;
    this.#reader = undefined;
    // Kept, it reads on, even when the exchange had paused it: else it would neither hear that the instance closes it nor the next answer.
    if (reusable) this.socket.resume();
    else this.socket.destroy();
    exchange.onEnd(reusable);
  }

  #ended(): void {
    const exchange = this.#exchange;
    if (exchange !== undefined && this.#reader?.endedByClose === true) this.#finish(exchange, false);
    else this.#broke('connection closed');
  }

  #broke(why: string): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.socket.destroy();
    if (exchange === undefined) this.onIdleClose();
    else exchange.onFail(why);
  }
}
