import type { SecretPatterns } from './secret-patterns.ts';
import { SecretReader } from './secret-reader.ts';
import type { Span } from './secret-tracker.ts';

const mask = new TextEncoder().encode('***');
const nothing = new Uint8Array(0);

/**
 * Hides secrets in a stream of bytes, wherever it is cut into chunks. Every occurrence in every form is found; those that overlap or touch become one mask. Held back is only what may still
 * be the beginning of a secret.
 */
export class SecretMask {
  readonly #reader: SecretReader;
  /** Where what is held begins in the stream. */
  #from = 0;
  #held: Uint8Array = nothing;
  /** Found and not written yet. */
  #spans: Span[] = [];
  /** Where the last written mask ends. */
  #maskedTo = -1;

  constructor(patterns: SecretPatterns) {
    this.#reader = new SecretReader(patterns);
  }

  /** The next bytes; returns what is safe to show. */
  push(chunk: Uint8Array): Uint8Array {
    this.#reader.read(chunk, (from, to) => this.#spans.push({ from, to }));
    const bytes = this.#held.length === 0 ? chunk : joined([this.#held, chunk]);
    return this.#release(bytes, this.#reader.heldFrom());
  }

  /** The stream is over: what was held back was no secret. */
  flush(): Uint8Array {
    return this.#release(this.#held, this.#from + this.#held.length);
  }

  /** Writes everything before `safe` and holds the rest. No later occurrence begins before `safe`. */
  #release(bytes: Uint8Array, safe: number): Uint8Array {
    const parts: Uint8Array[] = [];
    const base = this.#from;
    let written = Math.max(base, this.#maskedTo);
    const open: Span[] = [];
    for (const span of this.#spans.toSorted((one, other) => one.from - other.from)) {
      if (span.from >= safe) {
        open.push(span);
      } else if (span.from <= this.#maskedTo) {
        this.#maskedTo = Math.max(this.#maskedTo, span.to);
        written = Math.max(written, span.to);
      } else {
        parts.push(bytes.subarray(written - base, span.from - base), mask);
        this.#maskedTo = span.to;
        written = span.to;
      }
    }
    if (written < safe) parts.push(bytes.subarray(written - base, safe - base));
    this.#held = safe - base === bytes.length ? nothing : bytes.slice(safe - base);
    this.#from = safe;
    this.#spans = open;
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
  readonly #reader: SecretReader;
  #found = false;

  constructor(patterns: SecretPatterns) {
    this.#reader = new SecretReader(patterns);
  }

  /** Whether one was found in these bytes or in those before. */
  push(bytes: Uint8Array): boolean {
    this.#reader.read(bytes, () => {
      this.#found = true;
    });
    return this.#found;
  }
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
