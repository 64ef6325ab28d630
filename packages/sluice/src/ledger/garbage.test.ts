import * as fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { openCheckpoint } from './checkpoint.ts';
import { parseEntry } from './entry-codec.ts';
import { known, readerOf, signer, writeLog } from './fixtures/log.ts';
import { parseVerifierKey, signNote } from './note.ts';
import { parseProof, verifyProof } from './proof.ts';
import { bundleEntries, pathsOf } from './tiles.ts';
import { verifyLog } from './verify.ts';

// Many cases each: a machine under load must not turn a slow one into a failure.
vi.setConfig({ testTimeout: 60_000 });

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.json(),
  fc.constantFrom('', '\n', '\n\n', '—', '— a b\n', ',"type":"x","v":1}', '++'),
);
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  text.map((value) => new TextEncoder().encode(value)),
);

test('property: garbage is refused as a value, never thrown and never believed', () => {
  fc.assert(
    fc.property(text, bytes, (words, raw) => {
      expect(parseEntry(words).ok).toBe(false);
      expect(parseVerifierKey(words).ok).toBe(false);
      expect(openCheckpoint(raw, known.keys).ok).toBe(false);
      const proof = parseProof(words);
      if (proof.ok) expect(verifyProof(proof.value, raw, known).ok).toBe(false);
      bundleEntries(raw);
    }),
    { numRuns: 1_000 },
  );
});

test('property: a checkpoint that is signed but says nonsense verifies no log', () => {
  const log = writeLog([300]);
  const lines = fc.array(fc.stringMatching(/^[ -~]{1,60}$/), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(lines, (parts) => {
      const note = new TextEncoder().encode(signNote(`${parts.join('\n')}\n`, [signer]));
      expect(verifyLog(readerOf(new Map([...log.files, ['checkpoint', note]])), known).kind).not.toBe('ok');
    }),
    { numRuns: 200 },
  );
});

test('property: any files of a log replaced by others of it, or by garbage, are found', () => {
  const log = writeLog([600]);
  const paths = pathsOf(600);
  fc.assert(
    fc.property(fc.constantFrom(...paths), fc.oneof(fc.constantFrom(...paths), bytes), (path, other) => {
      const content = typeof other === 'string' ? log.files.get(other) : other;
      if (content === undefined || path === other) return;
      expect(verifyLog(readerOf(new Map([...log.files, [path, content]])), known).kind).not.toBe('ok');
    }),
    { numRuns: 300 },
  );
});

test('property: several edits at once are found as well: one cannot hide another', () => {
  const log = writeLog([513]);
  const paths = pathsOf(513);
  const edit = fc.tuple(fc.constantFrom(...paths), fc.nat(), fc.integer({ min: 1, max: 255 }));
  fc.assert(
    fc.property(fc.uniqueArray(edit, { minLength: 2, maxLength: 6, selector: ([path]) => path }), (edits) => {
      const files = new Map(log.files);
      for (const [path, where, flip] of edits) {
        const old = files.get(path) ?? new Uint8Array(1);
        files.set(path, old.with(where % old.length, (old[where % old.length] ?? 0) ^ flip));
      }
      expect(verifyLog(readerOf(files), known).kind).not.toBe('ok');
    }),
    { numRuns: 200 },
  );
});
