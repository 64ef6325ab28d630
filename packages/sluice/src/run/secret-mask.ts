import type { SecretPatterns } from './secret-patterns.ts';

const mask = new TextEncoder().encode('***');
const nothing = new Uint8Array(0);

type Span = { readonly from: number; readonly to: number };

/**
 * Hides secrets in a stream of bytes, wherever it is cut into chunks. Every occurrence of every variant is found; those that overlap or touch
 * become one mask. Held back is only what may still be the beginning of a secret: at most the longest variant less one byte.
 */
export class SecretMask {
  readonly #patterns: SecretPatterns;
  #state = 0;
  #held: Uint8Array = nothing;
  /** Found spans that are not written yet, in the coordinates of what is held. */
  #spans: readonly Span[] = [];
  /** Where the last written mask ends, in the same coordinates. */
  #maskedTo = -1;

  constructor(patterns: SecretPatterns) {
    this.#patterns = patterns;
  }

  /** The next bytes; returns what is safe to show. */
  push(chunk: Uint8Array): Uint8Array {
    const { columns, next, ends, depths, width } = this.#patterns;
    const held = this.#held.length;
    const spans: Span[] = [...this.#spans];
    let state = this.#state;
    const { length } = chunk;
    for (let at = 0; at < length; at += 1) {
      state = next[state + (columns[chunk[at] as number] as number)] as number;
      // Rows are offsets into the table: only a row that is not the first can end a pattern.
      if (state !== 0) {
        const end = ends[state / width] as number;
        if (end !== 0) addSpan(spans, { from: held + at + 1 - end, to: held + at + 1 });
      }
    }
    this.#state = state;
    const bytes = held === 0 ? chunk : joined([this.#held, chunk]);
    return this.#release(bytes, bytes.length - (depths[state / width] as number), spans);
  }

  /** The stream is over: what was held back was no secret. */
  flush(): Uint8Array {
    const rest = this.#release(this.#held, this.#held.length, this.#spans);
    this.#state = 0;
    this.#maskedTo = -1;
    return rest;
  }

  /** Writes everything before `safe` and holds the rest. No later occurrence begins before `safe`. */
  #release(bytes: Uint8Array, safe: number, spans: readonly Span[]): Uint8Array {
    const parts: Uint8Array[] = [];
    let written = Math.max(0, this.#maskedTo);
    let maskedTo = this.#maskedTo;
    const open: Span[] = [];
    for (const span of spans) {
      if (span.from >= safe) {
        open.push(span);
      } else if (span.from <= maskedTo) {
        maskedTo = Math.max(maskedTo, span.to);
        written = Math.max(written, span.to);
      } else {
        parts.push(bytes.subarray(written, span.from), mask);
        maskedTo = span.to;
        written = span.to;
      }
    }
    if (written < safe) parts.push(bytes.subarray(written, safe));
    this.#held = safe === bytes.length ? nothing : bytes.slice(safe);
    this.#spans = open.map(({ from, to }) => ({ from: from - safe, to: to - safe }));
    this.#maskedTo = maskedTo === -1 ? -1 : Math.max(-1, maskedTo - safe);
    return parts.length === 1 ? (parts[0] ?? nothing) : joined(parts);
  }
}

/** Bytes with all secrets hidden. */
export function maskBytes(patterns: SecretPatterns, bytes: Uint8Array): Uint8Array {
  const stream = new SecretMask(patterns);
  return joined([stream.push(bytes), stream.flush()]);
}

/** A text with all secrets hidden: for messages, summaries and names. */
export const maskText = (patterns: SecretPatterns, text: string): string =>
  new TextDecoder().decode(maskBytes(patterns, new TextEncoder().encode(text)));

/** Looks for secrets in a stream of bytes. */
export class SecretSearch {
  readonly #patterns: SecretPatterns;
  #state = 0;

  constructor(patterns: SecretPatterns) {
    this.#patterns = patterns;
  }

  /** Whether an occurrence ends in these next bytes. */
  push(bytes: Uint8Array): boolean {
    const { columns, next, ends, width } = this.#patterns;
    for (const byte of bytes) {
      this.#state = next[this.#state + (columns[byte] as number)] as number;
      if (ends[this.#state / width] !== 0) return true;
    }
    return false;
  }
}

/** Ends come in rising order; a longer pattern swallows the spans inside it, one that overlaps or touches extends the last. */
function addSpan(spans: Span[], { from, to }: Span): void {
  let start = from;
  for (let last = spans.at(-1); last !== undefined && last.to >= start; last = spans.at(-1)) {
    start = Math.min(start, last.from);
    spans.pop();
  }
  spans.push({ from: start, to });
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
