import { createHash } from 'node:crypto';
import type { BookEvents } from './order-book.ts';

const WORDS = 4096; // hash in blocks: one update per event would cost more than the matching

/** A SHA-256 over every event of a book: two books with the same digest did the same things in the same order. */
export class EventDigest implements BookEvents {
  readonly #hash = createHash('sha256');
  readonly #block = new Int32Array(WORDS);
  #used = 0;

  traded(maker: number, taker: number, ticks: number, lots: number): void {
    this.#write(1, maker, taker, ticks, lots);
  }

  rested(order: number, ticks: number, lots: number): void {
    this.#write(2, order, ticks, lots, 0);
  }

  cancelled(order: number, lots: number): void {
    this.#write(3, order, lots, 0, 0);
  }

  /** The digest of everything so far, in hex; the book may go on afterwards. */
  hex(): string {
    return this.#hash.copy().update(this.#filled()).digest('hex');
  }

  #write(kind: number, a: number, b: number, c: number, d: number): void {
    if (this.#used + 5 > WORDS) {
      this.#hash.update(this.#filled());
      this.#used = 0;
    }
    const at = this.#used;
    this.#block[at] = kind;
    this.#block[at + 1] = a;
    this.#block[at + 2] = b;
    this.#block[at + 3] = c;
    this.#block[at + 4] = d;
    this.#used = at + 5;
  }

  #filled(): Uint8Array {
    return new Uint8Array(this.#block.buffer, 0, this.#used * 4);
  }
}
