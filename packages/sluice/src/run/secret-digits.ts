import type { SecretPatterns } from './secret-patterns.ts';
import { Tracker, type Found } from './secret-tracker.ts';

const none = -1;
/** Stands between digits without ending them. */
const between = -2;

/** Reads runs of digits as bytes, wherever a byte may begin in them. */
abstract class DigitReader {
  readonly #values: Int8Array;
  readonly #mostBetween: number;
  /** How many digits came since the run began. */
  protected count = 0;
  protected previous = 0;
  protected previousFrom = 0;
  #between = 0;

  constructor(values: Int8Array, mostBetween: number) {
    this.#values = values;
    this.#mostBetween = mostBetween;
  }

  step(byte: number, from: number, to: number, found: Found): void {
    const value = this.#values[byte] as number;
    if (value < 0 && this.count === 0) return;
    if (value >= 0) {
      this.#between = 0;
      this.digit(value, from, to, found);
      this.previous = value;
      this.previousFrom = from;
      this.count += 1;
    } else {
      this.#between += 1;
      if (value === none || this.#between > this.#mostBetween) this.end();
    }
  }

  protected abstract digit(value: number, from: number, to: number, found: Found): void;

  protected abstract end(): void;

  protected begin(): void {
    this.count = 0;
    this.#between = 0;
  }

  protected copyRun(other: DigitReader): void {
    this.count = other.count;
    this.previous = other.previous;
    this.previousFrom = other.previousFrom;
    this.#between = other.#between;
  }
}

const base64Values = valuesOf('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/', '\r\n');
base64Values['-'.charCodeAt(0)] = 62;
base64Values['_'.charCodeAt(0)] = 63;

/**
 * Base64 (RFC 4648, both alphabets), also within longer data and broken into lines. Four digits hold three bytes: with each digit three readings of the run have a byte more, and the
 * fourth begins one.
 */
export class Base64Reader extends DigitReader {
  readonly #patterns: SecretPatterns;
  readonly #phases: readonly [Tracker, Tracker, Tracker, Tracker];
  #isIdle = true;

  constructor(patterns: SecretPatterns) {
    super(base64Values, 2);
    this.#patterns = patterns;
    this.#phases = [new Tracker(patterns), new Tracker(patterns), new Tracker(patterns), new Tracker(patterns)];
  }

  protected digit(value: number, _from: number, to: number, found: Found): void {
    const { previous, previousFrom, count } = this;
    if (count === 0) return;
    const whole = (previous << 6) | value;
    // Most digits neither begin nor go on with anything.
    const { starts } = this.#patterns;
    const first = (whole >> 4) & 255;
    const second = (whole >> 2) & 255;
    if (this.#isIdle && starts[first] === 0 && starts[second] === 0 && starts[whole & 255] === 0) return;
    (this.#phases[(count - 1) & 3] as Tracker).step(first, previousFrom, to, found);
    (this.#phases[(count - 2) & 3] as Tracker).step(second, previousFrom, to, found);
    (this.#phases[(count - 3) & 3] as Tracker).step(whole & 255, previousFrom, to, found);
    this.#isIdle = this.isIdle();
  }

  heldFrom(): number {
    if (this.count === 0) return Number.POSITIVE_INFINITY;
    const { begins } = this.#patterns;
    const { previous } = this;
    const open = begins[6][previous] === 1 || begins[4][previous & 15] === 1 || begins[2][previous & 3] === 1;
    const [one, two, three, four] = this.#phases;
    const held = Math.min(one.heldFrom(), two.heldFrom(), three.heldFrom(), four.heldFrom());
    return open ? Math.min(held, this.previousFrom) : held;
  }

  isIdle(): boolean {
    const [one, two, three, four] = this.#phases;
    return one.state === 0 && two.state === 0 && three.state === 0 && four.state === 0;
  }

  protected end(): void {
    if (!this.#isIdle) for (const phase of this.#phases) phase.reset();
    this.#isIdle = true;
    this.begin();
  }

  copy(other: Base64Reader): void {
    this.copyRun(other);
    this.#isIdle = other.#isIdle;
    for (const [at, phase] of this.#phases.entries()) phase.copy(other.#phases[at] as Tracker);
  }
}

const hexValues = valuesOf('0123456789abcdef', ' :-,\r\n');
for (const [at, letter] of Array.from('ABCDEF').entries()) hexValues[letter.charCodeAt(0)] = 10 + at;

/** Hexadecimal digits, with or without something between the bytes: `68756e74`, `68:75:6E:74`, `6875 6e74`. */
export class HexReader extends DigitReader {
  readonly #patterns: SecretPatterns;
  readonly #phases: readonly [Tracker, Tracker];

  constructor(patterns: SecretPatterns) {
    super(hexValues, 2);
    this.#patterns = patterns;
    this.#phases = [new Tracker(patterns), new Tracker(patterns)];
  }

  protected digit(value: number, _from: number, to: number, found: Found): void {
    if (this.count === 0) return;
    const phase = this.#phases[this.count & 1] as Tracker;
    const byte = (this.previous << 4) | value;
    if (phase.state !== 0 || this.#patterns.starts[byte] === 1) phase.step(byte, this.previousFrom, to, found);
  }

  heldFrom(): number {
    if (this.count === 0) return Number.POSITIVE_INFINITY;
    const [even, odd] = this.#phases;
    const held = Math.min(even.heldFrom(), odd.heldFrom());
    return this.#patterns.begins[4][this.previous] === 1 ? Math.min(held, this.previousFrom) : held;
  }

  isIdle(): boolean {
    const [even, odd] = this.#phases;
    return even.state === 0 && odd.state === 0;
  }

  protected end(): void {
    for (const phase of this.#phases) phase.reset();
    this.begin();
  }

  copy(other: HexReader): void {
    this.copyRun(other);
    for (const [at, phase] of this.#phases.entries()) phase.copy(other.#phases[at] as Tracker);
  }
}

function valuesOf(digits: string, separators: string): Int8Array {
  const values = new Int8Array(256).fill(none);
  for (const [at, digit] of Array.from(digits).entries()) values[digit.charCodeAt(0)] = at;
  for (const separator of separators) values[separator.charCodeAt(0)] = between;
  return values;
}
