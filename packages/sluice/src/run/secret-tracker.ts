import type { SecretPatterns } from './secret-patterns.ts';

/** A part of the stream, in bytes from its beginning. */
export type Span = { readonly from: number; readonly to: number };

/** Hears of each part of the stream that holds a secret. */
export type Found = (from: number, to: number) => void;

/**
 * Follows the automaton through one reading of the stream, and remembers where each of the last bytes that were read came from: an encoded byte may take many bytes of the stream.
 */
export class Tracker {
  readonly #columns: Uint8Array;
  readonly #next: Int32Array;
  readonly #ends: Int32Array;
  readonly #depths: Int32Array;
  readonly #width: number;
  /** Where the last bytes begin in the stream, in a ring: those that may belong to a secret. */
  readonly #starts: Float64Array;
  readonly #ring: number;
  #count = 0;
  state = 0;

  constructor({ columns, next, ends, depths, width, longest }: SecretPatterns) {
    this.#columns = columns;
    this.#next = next;
    this.#ends = ends;
    this.#depths = depths;
    this.#width = width;
    this.#ring = 2 ** Math.ceil(Math.log2(longest + 1)) - 1;
    this.#starts = new Float64Array(this.#ring + 1);
  }

  /** The next byte, read from this part of the stream. */
  step(byte: number, from: number, to: number, found: Found): void {
    const state = this.#next[this.state + (this.#columns[byte] as number)] as number;
    this.state = state;
    // Rows are offsets into the table: only a row that is not the first can begin or end a pattern.
    if (state === 0) return;
    this.#starts[this.#count & this.#ring] = from;
    this.#count += 1;
    const length = this.#ends[state / this.#width] as number;
    if (length !== 0) found(this.#starts[(this.#count - length) & this.#ring] as number, to);
  }

  /** From where on the stream may be the beginning of a secret; infinity when nowhere. */
  heldFrom(): number {
    if (this.state === 0) return Number.POSITIVE_INFINITY;
    const depth = this.#depths[this.state / this.#width] as number;
    return this.#starts[(this.#count - depth) & this.#ring] as number;
  }

  reset(): void {
    this.state = 0;
  }

  copy(other: Tracker): void {
    this.state = other.state;
    // Where nothing has begun, nothing needs to be remembered.
    if (other.state === 0) return;
    this.#count = other.#count;
    this.#starts.set(other.#starts);
  }
}
