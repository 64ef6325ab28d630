import { canonicalJson } from '#kernel';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkEntry, encodeEntry, entryTypes, MAX_ENTRY_BYTES, parseEntry } from './entry-codec.ts';
import type { PendingEntry } from './entry.ts';
import { sample } from './fixtures/entries.ts';

const text = (pending: PendingEntry, seq = 7): string => {
  const encoded = encodeEntry(pending, seq);
  if (!encoded.ok) throw encoded.error;
  return new TextDecoder().decode(encoded.value);
};

/** Every way to replace one member, at any depth, that satisfies `which`. */
function* replaced(value: unknown, which: (member: unknown) => boolean, by: unknown): Generator {
  if (which(value)) yield by;
  if (typeof value !== 'object' || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    for (const changed of replaced(member, which, by)) {
      yield Array.isArray(value) ? value.with(Number(key), changed) : { ...value, [key]: changed };
    }
  }
}

describe('the entry codec', () => {
  test.each(entryTypes)('%s goes to canonical bytes and back', (type) => {
    const pending = sample(type);
    expect(text(pending)).toBe(canonicalJson({ ...pending, seq: 7 }));
    expect(parseEntry(text(pending))).toEqual({ ok: true, value: { ...pending, seq: 7 } });
    expect(checkEntry(pending).ok).toBe(true);
  });

  test('there are samples of 32 types: a table that is empty proves nothing', () => {
    expect(entryTypes).toHaveLength(32);
  });

  test.each(entryTypes)('I10: %s has no member that takes a name, an e-mail address or a network address', (type) => {
    let tried = 0;
    for (const planted of ['Erin Example', 'erin@example.com', 'Zoë', '10.1.2.3', 'erin example', '2001:db8::1']) {
      for (const entry of replaced(sample(type), (member) => typeof member === 'string', planted)) {
        tried += 1;
        const checked = checkEntry(entry as PendingEntry);
        expect(checked.ok, canonicalJson(entry)).toBe(false);
        // The refusal itself goes to logs: it must not repeat what it refuses.
        if (!checked.ok && (entry as PendingEntry).type === type) expect(checked.error.message).not.toContain(planted);
      }
    }
    expect(tried).toBeGreaterThan(50);
  });

  test.each(entryTypes)('%s refuses an unknown, a missing and a repeated member', (type) => {
    const pending = sample(type);
    const { body: _, ...bodiless } = pending;
    const unexpected: readonly unknown[] = [{ ...pending, note: 'x' }, { ...pending, body: { ...pending.body, note: 'x' } }, bodiless];
    for (const wrong of unexpected) expect(checkEntry(wrong as PendingEntry).ok).toBe(false);
    expect(parseEntry(text(pending).replace('"env":"production",', '"env":"production","env":"production",')).ok).toBe(false);
  });

  test('only the canonical spelling is read: no white space, order, escape or number form of another kind', () => {
    const good = text(sample('rollout.weight-changed'));
    const spellings = [
      good.replace('"toBp":500', '"toBp": 500'),
      good.replace('"toBp":500', '"toBp":5e2'),
      good.replace('"toBp":500', '"toBp":500.0'),
      good.replace('"toBp":500', '"toBp":0500'),
      good.replace('"production"', '"\\u0070roduction"'),
      good.replace(/"env":"production",("id":"[^"]+"),/, '$1,"env":"production",'),
      `${good} `,
      `${good}\n`,
      good.slice(0, -1),
      '',
      '{}',
      'null',
    ];
    for (const spelling of spellings) {
      expect(spelling).not.toBe(good);
      expect(parseEntry(spelling).ok, spelling).toBe(false);
    }
  });

  test('property: what reads as an entry is its own canonical form', () => {
    const goods = entryTypes.map((type) => text(sample(type)));
    fc.assert(
      fc.property(fc.constantFrom(...goods), fc.nat(), fc.integer({ min: 32, max: 126 }), (good, at, code) => {
        const changed = good.slice(0, at % good.length) + String.fromCharCode(code) + good.slice((at % good.length) + 1);
        const read = parseEntry(changed);
        if (read.ok) expect(canonicalJson(read.value)).toBe(changed);
      }),
      { numRuns: 3_000 },
    );
  });

  test('an unknown version names the versions that this program reads', () => {
    const read = parseEntry(text(sample('rollout.started')).replace(',"v":1}', ',"v":3}'));
    expect(read).toMatchObject({
      ok: false,
      error: { message: 'ledger entry of type rollout.started: version 3 is unknown, this program reads v1' },
    });
    const other = parseEntry(text(sample('rollout.started')).replace('rollout.started', 'rollout.startet'));
    expect(other).toMatchObject({ ok: false, error: { message: expect.stringContaining('Did you mean "rollout.started"?') as string } });
  });

  test('a subject of another kind than the type is about is refused', () => {
    const pending = sample('run.started');
    expect(checkEntry({ ...pending, subject: { ...pending.subject, kind: 'deployment' } }).ok).toBe(false);
  });

  test('an entry has at most 65,535 bytes, the most that a bundle can hold', () => {
    const reason = sample('rollout.verdict').reasons[0];
    if (reason === undefined) throw new Error('the sample has no reason');
    const facts = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`fact${String(at).padStart(26, '0')}`, 'x'.repeat(64)]));
    const wide = { ...sample('rollout.verdict'), reasons: Array.from({ length: 32 }, () => ({ ...reason, facts })) };
    const checked = checkEntry(wide);
    expect(checked.ok).toBe(false);
    if (!checked.ok) expect(checked.error.message).toContain(`${MAX_ENTRY_BYTES} allowed`);
    expect(checkEntry({ ...wide, reasons: wide.reasons.slice(0, 8) }).ok).toBe(true);
  });
});
