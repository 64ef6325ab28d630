/** Why a text is not an entry: thrown inside the room, a `Result` at its door. */
export class EntryProblem extends Error {
  override readonly name = 'EntryProblem';
}

/**
 * Reads canonical JSON (RFC 8785) strictly from left to right. An entry's members are known and sorted, so one pass checks form and meaning:
 * white space, another order, a repeated or unknown member, an escape or another spelling of a number simply do not match. That is two to three times
 * faster than parsing, writing again and comparing, and a million entries are to be read in seconds.
 */
export class CanonicalText {
  readonly text: string;
  #at = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** Where the next value begins. */
  get position(): number {
    return this.#at;
  }

  /** Consumes `expected` when it comes next. */
  skip(expected: string): boolean {
    if (!this.text.startsWith(expected, this.#at)) return false;
    this.#at += expected.length;
    return true;
  }

  /** Consumes `expected` or fails. */
  expect(expected: string): void {
    if (!this.skip(expected)) this.fail(`expected ${expected}`);
  }

  /** Consumes what a sticky pattern matches, or fails saying `what` was expected. */
  take(pattern: RegExp, what: string): string {
    const from = this.#match(pattern, what);
    return this.text.slice(from, this.#at);
  }

  /** Like `take` for a pattern that matches the quotes too; the text between them. */
  takeQuoted(pattern: RegExp, what: string): string {
    const from = this.#match(pattern, what);
    return this.text.slice(from + 1, this.#at - 1);
  }

  #match(pattern: RegExp, what: string): number {
    const from = this.#at;
    pattern.lastIndex = from;
    if (!pattern.test(this.text)) this.fail(`expected ${what}`);
    this.#at = pattern.lastIndex;
    return from;
  }

  /** Fails unless everything was read. */
  end(): void {
    if (this.#at !== this.text.length) this.fail('expected the end of the entry');
  }

  /** Fails, naming the member that was being read but none of its content: what is refused may be personal data. */
  fail(fact: string): never {
    const member = [...this.text.slice(0, this.#at).matchAll(/"([A-Za-z0-9]+)":/g)].at(-1)?.[1];
    throw new EntryProblem(`${member === undefined ? '' : `${member}: `}${fact} at character ${this.#at}`);
  }
}
