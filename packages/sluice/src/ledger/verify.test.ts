import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { encodeEntry } from './entry-codec.ts';
import { sample, samples } from './fixtures/entries.ts';
import { known, ORIGIN, readerOf, signer, writeLog } from './fixtures/log.ts';
import { noteSigner } from './note.ts';
import { signCheckpoint } from './checkpoint.ts';
import { parseProof, proofText, proveEntry, verifyProof } from './proof.ts';
import { bundleEntries, bundlePath, encodeBundle, pathsOf, tilePath } from './tiles.ts';
import { TreeEdge } from './tree-edge.ts';
import { type KnownLog, verificationCodes, verifyLog } from './verify.ts';

// Many cases each: a machine under load must not turn a slow one into a failure.
vi.setConfig({ testTimeout: 60_000 });

const SIZE = 700;
const log = writeLog([300, 300, 100]);
const [first, second, latest] = log.checkpoints;
if (first === undefined || second === undefined || latest === undefined) throw new Error('three checkpoints');

type Files = ReadonlyMap<string, Uint8Array>;
const check = (files: Files, more: Partial<KnownLog> = {}) => verifyLog(readerOf(files), { ...known, ...more });
const changed = (...changes: readonly (readonly [path: string, bytes: Uint8Array | undefined])[]): Files => {
  const files = new Map(log.files);
  for (const [path, bytes] of changes) {
    if (bytes === undefined) files.delete(path);
    else files.set(path, bytes);
  }
  return files;
};
const get = (path: string): Uint8Array => log.files.get(path) ?? new Uint8Array(0);
const flipped = (path: string, at: number): Files => {
  const bytes = get(path).slice();
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return changed([path, bytes]);
};
const entriesOf = (path: string): readonly Uint8Array[] => (bundleEntries(get(path)) ?? []).map(([from, to]) => get(path).slice(from, to));
/** The log with one bundle written again from changed entries. */
const rebundled = (path: string, change: (entries: readonly Uint8Array[]) => readonly Uint8Array[]): Files =>
  changed([path, encodeBundle(change(entriesOf(path)))]);
const tail = bundlePath(2, SIZE - 512);
const head = bundlePath(0, 256);

/** Writes tiles and bundles for any bytes, and a checkpoint when somebody signs: what one who holds the log's storage can do. */
function forge(entries: readonly Uint8Array[], seed?: number): Files {
  const files = new Map<string, Uint8Array>();
  const edge = new TreeEdge(({ level, index, hashes }) => files.set(tilePath(level, index, 256), hashes));
  for (const entry of entries) edge.append(entry);
  for (const { level, index, hashes } of edge.partialTiles()) files.set(tilePath(level, index, hashes.length / 32), hashes);
  for (let at = 0; at < entries.length; at += 256) {
    const part = entries.slice(at, at + 256);
    files.set(bundlePath(at / 256, part.length), encodeBundle(part));
  }
  const by = seed === undefined ? signer : noteSigner(ORIGIN, new Uint8Array(32).fill(seed));
  files.set('checkpoint', new TextEncoder().encode(signCheckpoint({ origin: ORIGIN, size: edge.size, root: edge.root() }, [by])));
  return files;
}
const bytesOf = (count: number, from = 0): Uint8Array[] =>
  samples(count, from).map((entry, seq) => {
    const encoded = encodeEntry(entry, seq);
    if (!encoded.ok) throw encoded.error;
    return encoded.value;
  });

describe('offline verification (X-05)', () => {
  test('a whole log verifies, with every checkpoint it ever signed', () => {
    const seen: number[] = [];
    const verification = verifyLog(readerOf(log.files), { ...known, earlier: log.checkpoints }, (entry) => seen.push(entry.seq));
    expect(verification).toMatchObject({ kind: 'ok', checkpoint: { size: SIZE } });
    expect(seen).toEqual(Array.from({ length: SIZE }, (_, seq) => seq));
  });

  test('exit codes are public', () => {
    expect(verificationCodes).toEqual({ ok: 0, altered: 10, truncated: 11, inconsistent: 12, signature: 13, anchor: 14, unreadable: 20 });
  });

  test.each([
    ['a flipped bit in an entry', flipped(head, 400), 'altered'],
    ['a flipped bit in a hash tile', flipped(tilePath(0, 1, 256), 99), 'altered'],
    ['a flipped bit in the top tile', flipped(tilePath(1, 0, 2), 5), 'altered'],
    ['a flipped bit in the checkpoint', flipped('checkpoint', ORIGIN.length + 2), 'signature'],
    ['a flipped bit in the signature', flipped('checkpoint', get('checkpoint').length - 20), 'signature'],
    ['the first entry dropped', rebundled(head, (entries) => entries.slice(1)), 'altered'],
    ['an entry in the middle dropped', rebundled(head, (entries) => entries.toSpliced(100, 1)), 'altered'],
    ['the last entry dropped', rebundled(tail, (entries) => entries.slice(0, -1)), 'truncated'],
    [
      'two entries swapped',
      rebundled(head, (entries) => entries.with(3, entries[4] ?? tailEntry()).with(4, entries[3] ?? tailEntry())),
      'altered',
    ],
    ['an entry replayed over another', rebundled(head, (entries) => entries.with(9, entries[2] ?? tailEntry())), 'altered'],
    ['an entry replayed at the end', rebundled(tail, (entries) => [...entries, tailEntry()]), 'altered'],
    ['the last bundle gone', changed([tail, undefined]), 'truncated'],
    ['a bundle in the middle gone', changed([bundlePath(1, 256), undefined]), 'unreadable'],
    ['a tile gone', changed([tilePath(0, 1, 256), undefined]), 'unreadable'],
    ['the checkpoint gone', changed(['checkpoint', undefined]), 'unreadable'],
    ['an empty checkpoint', changed(['checkpoint', new Uint8Array(0)]), 'signature'],
  ] as const)('%s is found', (_, files, kind) => {
    expect(check(files)).toMatchObject({ kind });
  });

  test('the altered entry is named', () => {
    const at = (bundleEntries(get(head)) ?? [])[217]?.[0] ?? 0;
    expect(check(flipped(head, at + 10))).toMatchObject({ kind: 'altered', because: expect.stringContaining('entry 217') as string });
  });

  test('history written again, tiles and all, does not fit the checkpoint that was signed', () => {
    const forged = new Map(forge(bytesOf(SIZE, 1)));
    forged.set('checkpoint', latest);
    expect(check(forged)).toMatchObject({ kind: 'inconsistent' });
  });

  test('history written again by the holder of the key is found with an earlier checkpoint kept elsewhere, and only so', () => {
    const forged = forge(bytesOf(SIZE, 1));
    expect(check(forged).kind).toBe('ok');
    expect(check(forged, { earlier: [first] })).toMatchObject({ kind: 'inconsistent' });
    expect(check(forged, { earlier: [latest] })).toMatchObject({ kind: 'inconsistent' });
  });

  test('a fork after the earlier checkpoint is a continuation that the checkpoint allows', () => {
    expect(check(forge([...bytesOf(300), ...bytesOf(600, 7).slice(300)]), { earlier: [first] }).kind).toBe('ok');
    expect(check(forge([...bytesOf(300), ...bytesOf(600, 7).slice(300)]), { earlier: [first, second] })).toMatchObject({
      kind: 'inconsistent',
    });
  });

  test.each([1, 255, 256, 257, 300, 512, 699])('truncation to %i entries is found, with the old checkpoint put back too', (size) => {
    const short = writeLog([size], samples(size));
    expect(check(new Map([...short.files, ['checkpoint', latest]]))).toMatchObject({ kind: 'truncated' });
    expect(check(short.files, { earlier: [latest] })).toMatchObject({ kind: 'truncated' });
  });

  test('an older checkpoint over the whole files is a truncation when the newer one is known', () => {
    expect(check(changed(['checkpoint', second]), { earlier: [latest] })).toMatchObject({ kind: 'truncated' });
  });

  test('an unknown key, another origin', () => {
    expect(check(forge(bytesOf(10), 9))).toMatchObject({ kind: 'signature' });
    expect(check(log.files, { origin: 'another.example/ledger' })).toMatchObject({ kind: 'inconsistent' });
    expect(check(log.files, { earlier: [new TextEncoder().encode('garbage')] })).toMatchObject({ kind: 'signature' });
  });

  test('what the holder of the key signs is still read: gaps, repeated entries and strange entries are found', () => {
    const entries = bytesOf(20);
    expect(check(forge(entries)).kind).toBe('ok');
    expect(check(forge(entries.toSpliced(5, 1)))).toMatchObject({ kind: 'altered', because: 'entry 5 says that it is entry 6' });
    const again = encodeEntry(sample('run.started', 3), 20);
    if (!again.ok) throw again.error;
    expect(check(forge([...entries, again.value]))).toMatchObject({
      kind: 'altered',
      because: expect.stringContaining('entry 20 repeats') as string,
    });
    expect(check(forge([...entries, new TextEncoder().encode('{"a":1}')]))).toMatchObject({
      kind: 'altered',
      because: expect.stringContaining('entry 20') as string,
    });
    const newer = new TextEncoder().encode(new TextDecoder().decode(entries[0]).replace('"v":1}', '"v":2}').replace('"seq":0', '"seq":20'));
    expect(check(forge([...entries, newer]))).toMatchObject({
      kind: 'unreadable',
      because: expect.stringContaining('version 2 is unknown') as string,
    });
  });

  test('a required anchor that is missing or too old is said', () => {
    const now = Date.parse('2026-11-21T03:00:00Z');
    const within = (withinMs: number) => ({ anchor: { kind: 'required' as const, withinMs, now } });
    expect(check(log.files, within(600_000))).toMatchObject({ kind: 'anchor' });
    expect(check(log.files, { ...within(600_000), earlier: [first] }).kind).toBe('ok');
    expect(check(log.files, { ...within(60_000), earlier: [first] })).toMatchObject({ kind: 'anchor' });
  });

  test('a disk that fails is no verdict about the log', () => {
    const failing = { read: (path: string) => (path === head ? fail() : log.files.get(path)) };
    expect(verifyLog(failing, known)).toEqual({ kind: 'unreadable', because: 'could not read: EIO: i/o error' });
  });

  test('property: any edit of one byte of any file of the log is found', () => {
    const paths = ['checkpoint', ...pathsOf(SIZE)];
    fc.assert(
      fc.property(
        fc.constantFrom(...paths),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        fc.constantFrom('flip', 'drop', 'insert', 'cut'),
        (path, where, value, edit) => {
          const bytes = get(path);
          const at = where % bytes.length;
          const edited = {
            flip: () => bytes.map((byte, n) => (n === at ? byte ^ value : byte)),
            drop: () => Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1)]),
            insert: () => Uint8Array.from([...bytes.subarray(0, at), value, ...bytes.subarray(at)]),
            cut: () => bytes.slice(0, at),
          }[edit]();
          if (Buffer.compare(edited, bytes) === 0) return;
          expect(check(changed([path, edited])).kind, `${edit} ${path} at ${at}`).not.toBe('ok');
        },
      ),
      { numRuns: 400 },
    );
  });

  test('files of an older size beside the log are no part of it: editing them changes nothing', () => {
    const [older] = [writeLog([300]).files];
    const both = new Map([...older, ...log.files]);
    const stale = bundlePath(1, 44);
    expect(both.has(stale)).toBe(true);
    both.set(stale, new Uint8Array(5));
    expect(check(both)).toMatchObject({ kind: 'ok', checkpoint: { size: SIZE } });
  });

  test('a log that grew past its checkpoint still verifies by it, from the fuller files', () => {
    const grown = writeLog([300, 212]);
    const top = tilePath(1, 0, 1);
    const files = new Map([...grown.files, ['checkpoint', first], [top, writeLog([300]).files.get(top) ?? first]]);
    expect(files.has(bundlePath(1, 44))).toBe(false);
    expect(check(files)).toMatchObject({ kind: 'ok', checkpoint: { size: 300 } });
  });
});

describe('the proof of one entry', () => {
  test('every entry has a .tlog-proof that verifies offline and with nothing but the key', () => {
    for (const index of [0, 1, 255, 256, 511, 699]) {
      const text = proofText(proveEntry(readerOf(log.files), index, log.last.checkpoint));
      expect(text.startsWith(`c2sp.org/tlog-proof@v1\nindex ${index}\n`)).toBe(true);
      const proof = parseProof(text);
      if (!proof.ok) throw proof.error;
      const entry = entriesOf(bundlePath(Math.floor(index / 256), index >= 512 ? SIZE - 512 : 256))[index % 256] ?? tailEntry();
      expect(verifyProof(proof.value, entry, known)).toMatchObject({ ok: true, value: { size: SIZE } });
      expect(verifyProof(proof.value, tailEntry(), known).ok).toBe(index === 699);
    }
  });

  test('property: a proof file with one byte changed proves nothing, or the same', () => {
    const text = new TextEncoder().encode(proofText(proveEntry(readerOf(log.files), 300, log.last.checkpoint)));
    const entry = entriesOf(bundlePath(1, 256))[44] ?? tailEntry();
    fc.assert(
      fc.property(fc.nat({ max: text.length - 1 }), fc.integer({ min: 1, max: 127 }), (at, flip) => {
        const proof = parseProof(new TextDecoder().decode(text.map((byte, n) => (n === at ? byte ^ flip : byte))));
        expect(proof.ok && verifyProof(proof.value, entry, known).ok).toBe(false);
      }),
      { numRuns: 400 },
    );
  });

  test('extra data is skipped; a cut file is refused', () => {
    const text = proofText(proveEntry(readerOf(log.files), 300, log.last.checkpoint));
    expect(parseProof(text.replace('\nindex', '\nextra AAAA\nindex')).ok).toBe(true);
    for (const cut of ['', 'c2sp.org/tlog-proof@v1', text.slice(0, 90), text.replace('index 300', 'index 0300')])
      expect(parseProof(cut).ok).toBe(false);
  });
});

function tailEntry(): Uint8Array {
  return entriesOf(tail).at(-1) ?? new Uint8Array(0);
}

function fail(): never {
  throw new Error('EIO: i/o error');
}
