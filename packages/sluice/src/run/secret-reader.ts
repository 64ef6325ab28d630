import { Base64Reader, HexReader } from './secret-digits.ts';
import { backslashEscapes, characterReferences, formEscapes, percentEscapes, quotedQuotes, type Escapes } from './secret-escapes.ts';
import type { SecretPatterns } from './secret-patterns.ts';
import { Tracker, type Found } from './secret-tracker.ts';

/** Bytes as they stand in one text: plain, as digits of base64, and as hexadecimal digits. */
class Text {
  readonly #plain: Tracker;
  readonly #starts: Uint8Array;
  readonly #base64: Base64Reader;
  readonly #hex: HexReader;

  constructor(patterns: SecretPatterns) {
    this.#plain = new Tracker(patterns);
    this.#starts = patterns.starts;
    this.#base64 = new Base64Reader(patterns);
    this.#hex = new HexReader(patterns);
  }

  step(byte: number, from: number, to: number, found: Found): void {
    if (this.#plain.state !== 0 || this.#starts[byte] === 1) this.#plain.step(byte, from, to, found);
    this.#base64.step(byte, from, to, found);
    this.#hex.step(byte, from, to, found);
  }

  heldFrom(): number {
    return Math.min(this.#plain.heldFrom(), this.#base64.heldFrom(), this.#hex.heldFrom());
  }

  isIdle(): boolean {
    return this.#plain.state === 0 && this.#base64.isIdle() && this.#hex.isIdle();
  }

  copy(other: Text): void {
    this.#plain.copy(other.#plain);
    this.#base64.copy(other.#base64);
    this.#hex.copy(other.#hex);
  }
}

/** Bytes of a text that is written with escapes. It costs nothing while there are none: then it says the same as the text it is read from. */
class EscapedText {
  readonly escapes: Escapes;
  readonly #source: Text;
  readonly text: Text;
  /** Texts within this one, written with escapes once more. */
  readonly #inner: readonly EscapedText[];
  isActive = false;
  /** The beginning of an escape, and where each of its bytes begins in the stream. */
  #pending = '';
  readonly #starts: number[] = [];
  /** An escape that ended a moment ago may have left the beginning of something that the source does not see. */
  #wasEscape = false;

  constructor(patterns: SecretPatterns, source: Text, escapes: Escapes, inner: readonly Escapes[]) {
    this.escapes = escapes;
    this.#source = source;
    this.text = new Text(patterns);
    this.#inner = inner.map((each) => new EscapedText(patterns, this.text, each, []));
  }

  /** The next byte, before the source reads it. */
  step(byte: number, from: number, to: number, found: Found): void {
    if (!this.isActive) {
      if (this.escapes.begins[byte] !== 1) return;
      this.text.copy(this.#source);
      this.isActive = true;
    }
    this.#read(byte, from, to, found);
    if (this.#pending === '' && !this.#wasEscape && this.text.isIdle() && !this.#inner.some((inner) => inner.isActive))
      this.isActive = false;
  }

  heldFrom(): number {
    if (!this.isActive) return Number.POSITIVE_INFINITY;
    return Math.min(this.text.heldFrom(), this.#starts[0] ?? Number.POSITIVE_INFINITY, ...this.#inner.map((inner) => inner.heldFrom()));
  }

  #read(byte: number, from: number, to: number, found: Found): void {
    if (this.#pending === '' && this.escapes.begins[byte] !== 1) {
      this.#wasEscape = false;
      this.#emit(byte, from, to, found);
      return;
    }
    this.#pending += String.fromCharCode(byte);
    this.#starts.push(from);
    const reading = this.escapes.read(this.#pending);
    if (reading === 'more') return;
    const starts = this.#starts.splice(0);
    const pending = this.#pending;
    this.#pending = '';
    this.#wasEscape = reading !== 'none';
    if (reading !== 'none') {
      // All bytes of one escape come from all of it.
      for (const each of reading) this.#emit(each, starts[0] ?? from, to, found);
      return;
    }
    // What began is no escape: its first byte stands for itself, and the next one may begin another.
    this.#emit(pending.charCodeAt(0), starts[0] ?? from, starts[1] ?? to, found);
    for (let at = 1; at < pending.length; at += 1) this.#read(pending.charCodeAt(at), starts[at] ?? from, starts[at + 1] ?? to, found);
  }

  #emit(byte: number, from: number, to: number, found: Found): void {
    for (const inner of this.#inner) inner.step(byte, from, to, found);
    this.text.step(byte, from, to, found);
  }
}

/**
 * Finds secrets in a stream of bytes in every form in which common tools print them: as it is; with the escapes of JSON, XML, shells and their kind, JSON and XML also within JSON; percent-encoded; in base64,
 * within longer data and broken into lines; in hexadecimal digits; and base64 or digits within escapes. What is compressed, encrypted or hashed is out of reach, as is a secret
 * whose characters are printed one by one.
 */
export class SecretReader {
  readonly #text: Text;
  readonly #escaped: readonly EscapedText[];
  /** Which bytes begin an escape of any kind. */
  readonly #begins = new Uint8Array(256);
  #at = 0;

  constructor(patterns: SecretPatterns) {
    this.#text = new Text(patterns);
    const escaped = (escapes: Escapes, ...inner: readonly Escapes[]): EscapedText => new EscapedText(patterns, this.#text, escapes, inner);
    this.#escaped = [
      escaped(backslashEscapes, backslashEscapes, characterReferences),
      escaped(characterReferences),
      escaped(quotedQuotes),
      escaped(percentEscapes, percentEscapes),
      escaped(formEscapes),
    ];
    for (const { escapes } of this.#escaped)
      for (const [byte, begins] of escapes.begins.entries()) if (begins === 1) this.#begins[byte] = 1;
  }

  /** Reads on. Parts that are found may overlap. */
  read(chunk: Uint8Array, found: Found): void {
    const text = this.#text;
    const begins = this.#begins;
    let at = this.#at;
    let active = this.#escaped.some((each) => each.isActive);
    for (let index = 0; index < chunk.length; index += 1) {
      const byte = chunk[index] as number;
      if (active || begins[byte] === 1) {
        active = false;
        for (const each of this.#escaped) {
          each.step(byte, at, at + 1, found);
          active ||= each.isActive;
        }
      }
      text.step(byte, at, at + 1, found);
      at += 1;
    }
    this.#at = at;
  }

  /** From where on the stream may be the beginning of a secret: nothing before it is part of one that was not found. */
  heldFrom(): number {
    return Math.min(this.#at, this.#text.heldFrom(), ...this.#escaped.map((escaped) => escaped.heldFrom()));
  }
}
