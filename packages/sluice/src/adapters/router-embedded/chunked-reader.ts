/** Of a chunk's extensions, and of each trailer: what Node's own parser takes. */
const longestLine = 16 * 1024;
const nothing = Buffer.alloc(0);

/** What the reader found in the bytes; `rest` are those it has not looked at yet. */
export type ChunkStep =
  | { readonly kind: 'more' }
  | { readonly kind: 'data'; readonly data: Buffer; readonly rest: Buffer }
  | { readonly kind: 'end'; readonly rest: Buffer }
  | { readonly kind: 'invalid'; readonly why: string };

const more: ChunkStep = { kind: 'more' };
const size = /^([0-9a-fA-F]{1,12})[ \t]*(?:;.*)?$/;
/** As RFC 9112, 7.1 writes it: no blanks behind a size that nothing follows, no control characters. */
const strictSize = /^([0-9a-fA-F]{1,12})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/;
const trailerLine = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*$/;

/** How a reader takes what it could understand in only one way although it is not written as it should be. */
export type Strictness = { readonly strict: boolean; readonly longestTrailers: number };

/** Reads a chunked body (RFC 9112, 7.1) in whatever pieces it comes. Trailers are read past: nobody asked for them. */
export class ChunkedReader {
  readonly #strict: boolean;
  readonly #longestTrailers: number;
  #held: Buffer | undefined;
  #left = 0;
  #trailers = 0;
  #at: 'size' | 'data' | 'after-data' | 'trailer' = 'size';

  constructor({ strict, longestTrailers }: Strictness) {
    this.#strict = strict;
    this.#longestTrailers = longestTrailers;
  }

  /** A loop, not a recursion: one piece may hold more lines than the stack has room for. */
  next(bytes: Buffer): ChunkStep {
    let unread = bytes;
    for (;;) {
      if (this.#at === 'data') {
        if (this.#left > 0) return this.#data(unread);
        this.#at = 'after-data';
      }
      const all = this.#held === undefined ? unread : Buffer.concat([this.#held, unread]);
      this.#held = undefined;
      const end = all.indexOf('\r\n');
      if ((end < 0 ? all.length - 1 : end) > longestLine) return invalid('a chunk line without end');
      if (end < 0) {
        this.#held = all.length === 0 ? undefined : all;
        return more;
      }
      const problem = this.#line(all.toString('latin1', 0, end));
      unread = all.subarray(end + 2);
      if (problem === 'end') return { kind: 'end', rest: unread };
      if (problem !== undefined) return invalid(problem);
    }
  }

  #data(bytes: Buffer): ChunkStep {
    if (bytes.length === 0) return more;
    const data = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes;
    this.#left -= data.length;
    return { kind: 'data', data, rest: data.length === bytes.length ? nothing : bytes.subarray(data.length) };
  }

  #line(line: string): string | undefined {
    switch (this.#at) {
      case 'after-data':
        if (line !== '') return 'a chunk longer than it says';
        this.#at = 'size';
        return undefined;
      case 'size': {
        const digits = (this.#strict ? strictSize : size).exec(line)?.[1];
        if (digits === undefined) return 'a chunk without size';
        this.#left = Number.parseInt(digits, 16);
        this.#at = this.#left === 0 ? 'trailer' : 'data';
        return undefined;
      }
      default:
        if (line === '') return 'end';
        this.#trailers += line.length;
        if (this.#trailers > this.#longestTrailers) return 'trailers without end';
        return this.#strict && !trailerLine.test(line) ? 'a trailer that is none' : undefined;
    }
  }
}

const invalid = (why: string): ChunkStep => ({ kind: 'invalid', why });
