import { minimumSecretBytes, secretVariants } from './secret-variants.ts';

/**
 * All variants of all secrets as one automaton (Aho and Corasick): one table look-up per byte finds every occurrence of every pattern, however
 * many there are. Bytes that occur in no pattern share a column, which keeps the table small.
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
  /** Names of secrets that are too short to be masked. */
  readonly tooShort: readonly string[];
};

/** Prepares secrets, by name, for masking. */
export function secretPatterns(secrets: Readonly<Record<string, string>>): SecretPatterns {
  const patterns: Uint8Array[] = [];
  const tooShort: string[] = [];
  for (const [name, value] of Object.entries(secrets)) {
    if (new TextEncoder().encode(value).length < minimumSecretBytes) tooShort.push(name);
    else patterns.push(...secretVariants(value));
  }
  const { columns, width } = columnsOf(patterns);
  const rows = 1 + patterns.reduce((sum, pattern) => sum + pattern.length, 0);
  const trie = { next: new Int32Array(rows * width), ends: new Int32Array(rows), depths: new Int32Array(rows) };
  const used = insertAll(patterns, columns, width, trie);
  link(used, width, trie);
  return {
    columns,
    width,
    next: trie.next.subarray(0, used * width),
    ends: trie.ends.subarray(0, used),
    depths: trie.depths.subarray(0, used),
    tooShort,
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
