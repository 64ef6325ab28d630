import { SluiceError } from '#kernel';
import { longestSecretBytes, minimumSecretBytes, secretForms } from './secret-forms.ts';

/** Of all secrets of a run together. */
const mostSecretBytes = 256 * 1024;

/**
 * All forms of all secrets as one automaton (Aho and Corasick): one table look-up per byte finds every occurrence of every form, however many there are. Bytes that occur in no form share
 * a column, which keeps the table small.
 */
export type SecretPatterns = {
  /** Column of each byte. */
  readonly columns: Uint8Array;
  readonly width: number;
  /** Row times width, indexed by row times width plus column. */
  readonly next: Int32Array;
  /** Per row: length of the longest pattern that ends here, 0 for none. */
  readonly ends: Int32Array;
  /** Per row: how many of the last bytes may begin a pattern. */
  readonly depths: Int32Array;
  /** Whether a pattern begins with this byte. */
  readonly starts: Uint8Array;
  /** Whether a pattern begins with a byte whose upper 6, 4 or 2 bits are these. */
  readonly begins: Readonly<Record<6 | 4 | 2, Uint8Array>>;
  readonly longest: number;
  /** Names of secrets that are too short to be masked. */
  readonly tooShort: readonly string[];
};

/** Prepares secrets, by name, for masking. Throws `usage` when they are larger than any secret. */
export function secretPatterns(secrets: Readonly<Record<string, string>>): SecretPatterns {
  const patterns: Uint8Array[] = [];
  const tooShort: string[] = [];
  let total = 0;
  for (const [name, value] of Object.entries(secrets)) {
    const { length } = new TextEncoder().encode(value);
    total += length;
    if (length > longestSecretBytes) throw tooLarge(`secret "${name}" is larger than ${longestSecretBytes / 1024} KiB`);
    if (total > mostSecretBytes) throw tooLarge(`the secrets of this run are larger than ${mostSecretBytes / 1024} KiB together`);
    if (length < minimumSecretBytes) tooShort.push(name);
    else patterns.push(...secretForms(value));
  }
  return { ...automaton(patterns), tooShort };
}

const tooLarge = (fact: string): SluiceError =>
  new SluiceError('usage', `${fact}, and could not be hidden in what jobs print`, {
    hint: 'keep large files where the job fetches them, and only the key to them as a secret',
  });

function automaton(patterns: readonly Uint8Array[]): Omit<SecretPatterns, 'tooShort'> {
  const { columns, width } = columnsOf(patterns);
  const rows = 1 + patterns.reduce((sum, pattern) => sum + pattern.length, 0);
  const trie = { next: new Int32Array(rows * width), ends: new Int32Array(rows), depths: new Int32Array(rows) };
  const used = insertAll(patterns, columns, width, trie);
  link(used, width, trie);
  const begins = { 6: new Uint8Array(64), 4: new Uint8Array(16), 2: new Uint8Array(4) } as const;
  const starts = new Uint8Array(256);
  for (const [first = 0] of patterns) starts[first] = 1;
  for (const [first = 0] of patterns) for (const bits of [6, 4, 2] as const) begins[bits][first >> (8 - bits)] = 1;
  return {
    columns,
    width,
    next: trie.next.slice(0, used * width),
    ends: trie.ends.slice(0, used),
    depths: trie.depths.slice(0, used),
    starts,
    begins,
    longest: patterns.reduce((most, pattern) => Math.max(most, pattern.length), 0),
  };
}
type Trie = { readonly next: Int32Array; readonly ends: Int32Array; readonly depths: Int32Array };

function columnsOf(patterns: readonly Uint8Array[]): { readonly columns: Uint8Array; readonly width: number } {
  const columns = new Uint8Array(256);
  let width = 1; // column 0: in no pattern
  for (const pattern of patterns) {
    for (const byte of pattern) {
      if (columns[byte] === 0 && width < 256) {
        columns[byte] = width;
        width += 1;
      }
    }
  }
  return { columns, width };
}

function insertAll(patterns: readonly Uint8Array[], columns: Uint8Array, width: number, { next, ends, depths }: Trie): number {
  let used = 1;
  for (const pattern of patterns) {
    let row = 0;
    for (const byte of pattern) {
      const cell = row * width + (columns[byte] ?? 0);
      if (next[cell] === 0) {
        next[cell] = used;
        depths[used] = (depths[row] ?? 0) + 1;
        used += 1;
      }
      row = next[cell] ?? 0;
    }
    ends[row] = pattern.length;
  }
  return used;
}

/** Fills every missing arrow with the one of the longest proper suffix, breadth first, and turns rows into offsets. */
function link(used: number, width: number, { next, ends }: Trie): void {
  const suffix = new Int32Array(used);
  const queue = new Int32Array(used);
  let tail = 0;
  for (let column = 0; column < width; column += 1) {
    const row = next[column] ?? 0;
    if (row !== 0) queue[tail++] = row;
  }
  for (let head = 0; head < tail; head += 1) {
    const row = queue[head] ?? 0;
    const shorter = suffix[row] ?? 0;
    if (ends[row] === 0) ends[row] = ends[shorter] ?? 0;
    for (let column = 0; column < width; column += 1) {
      const cell = row * width + column;
      const onward = next[shorter * width + column] ?? 0;
      const child = next[cell] ?? 0;
      if (child === 0) next[cell] = onward;
      else {
        suffix[child] = onward;
        queue[tail++] = child;
      }
    }
  }
  for (let cell = 0; cell < used * width; cell += 1) next[cell] = (next[cell] ?? 0) * width;
}
