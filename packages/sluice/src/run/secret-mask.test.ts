import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { maskText, SecretMask, SecretSearch } from './secret-mask.ts';
import { secretPatterns } from './secret-patterns.ts';
import { secretVariants } from './secret-variants.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const concat = (parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts);

function masked(secrets: Readonly<Record<string, string>>, chunks: readonly Uint8Array[]): Buffer {
  const stream = new SecretMask(secretPatterns(secrets));
  return concat([...chunks.map((chunk) => stream.push(chunk)), stream.flush()]);
}

/** What the mask should do, by brute force: every occurrence of every variant, overlapping and touching ones merged. */
function reference(secrets: readonly string[], input: Buffer): Buffer {
  const hidden = new Set<number>();
  const starts: number[] = [];
  for (const variant of secrets.flatMap(secretVariants)) {
    for (let at = input.indexOf(Buffer.from(variant)); at !== -1; at = input.indexOf(Buffer.from(variant), at + 1)) {
      for (let i = at; i < at + variant.length; i += 1) hidden.add(i);
      starts.push(at);
    }
  }
  const out: Uint8Array[] = [];
  for (let at = 0; at < input.length; at += 1) {
    if (!hidden.has(at)) out.push(input.subarray(at, at + 1));
    else if (!hidden.has(at - 1)) out.push(bytes('***'));
  }
  return concat(out);
}

// A small alphabet makes overlaps, prefixes and repetitions likely.
const secret = fc.string({ unit: fc.constantFrom('a', 'b', '"', '\n', 'é'), minLength: 6, maxLength: 12 });

describe('R-RUN-06, I11: secrets', () => {
  test('are hidden the same way wherever the stream is cut, exactly where a variant stands', () => {
    fc.assert(
      fc.property(
        fc.array(secret, { minLength: 1, maxLength: 3 }),
        fc.array(fc.oneof(fc.nat({ max: 5 }), fc.string({ unit: fc.constantFrom('a', 'b', 'x', '\n'), maxLength: 5 })), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
        (secrets, pieces, cuts) => {
          const variants = secrets.flatMap(secretVariants);
          const input = concat(
            pieces.map((piece, at) => (typeof piece === 'string' ? bytes(piece) : variants[(piece * 31 + at) % variants.length]!)),
          );
          const chunks: Uint8Array[] = [];
          for (let at = 0, cut = 0; at < input.length; cut += 1) {
            const size = cuts[cut % cuts.length]!;
            chunks.push(input.subarray(at, at + size));
            at += size;
          }
          const named = Object.fromEntries(secrets.map((value, at) => [`S${at}`, value]));
          const output = masked(named, chunks);
          expect(output.equals(masked(named, [input]))).toBe(true);
          expect(output.toString('latin1')).toBe(reference(secrets, input).toString('latin1'));
          for (const variant of variants) expect(output.includes(Buffer.from(variant))).toBe(false);
        },
      ),
      { numRuns: 400 },
    );
  });

  test('are hidden in whatever data stands around their base64 form', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 9 }),
        fc.string({ minLength: 9, maxLength: 40 }),
        fc.uint8Array({ maxLength: 9 }),
        (before, value, after) => {
          const data = concat([before, bytes(value), after]);
          for (const encoding of ['base64', 'base64url'] as const) {
            const shown = masked({ TOKEN: value }, [bytes(data.toString(encoding))]).toString();
            expect(shown).toContain('***');
            // What is left of the secret's own bits: less than one byte on either side.
            const left = shown.split('***').join('').length;
            expect(left).toBeLessThanOrEqual(Math.ceil(((before.length + after.length) * 8 + 22) / 6) + 3);
          }
        },
      ),
    );
  });

  test.each([
    ['percent', 'p@ss/word é', encodeURIComponent('p@ss/word é')],
    ['a form', 'p@ss (word)', 'p%40ss+%28word%29'],
    ['JSON', 'say "hi"\n\\', JSON.stringify('say "hi"\n\\')],
    ['JSON in JSON', 'say "hi"', JSON.stringify(JSON.stringify('say "hi"'))],
    ['XML', `a<b&'c"d`, 'a&lt;b&amp;&#39;c&quot;d'.replace('&quot;', '&#34;')],
    ['a shell', `it's $HOME`, `'it'\\''s $HOME'`],
    ['printf %q', `it's $HOME`, `it\\'s\\ \\$HOME`],
    ['hexadecimal digits', 'hunter22', Buffer.from('hunter22').toString('hex')],
    ['one line', '-----BEGIN\nabcdef\n-----END\n', '-----BEGIN abcdef -----END'],
    ['lines of Windows', 'line one\nline two\n', 'line one\r\nline two\r\n'],
    ['broken lines of base64', 'x'.repeat(90), Buffer.from('x'.repeat(90)).toString('base64').replaceAll(/.{76}/g, '$&\n')],
  ])('are hidden in the form of %s', (_, value, shown) => {
    const output = maskText(secretPatterns({ VALUE: value }), `before ${shown} after`);
    expect(output).toMatch(/^before .{0,3}\*\*\*.{0,4}\s* after$/s);
  });

  test('are hidden in UTF-16', () => {
    expect(masked({ VALUE: 'hunter22' }, [Buffer.from('x hunter22', 'utf16le')]).toString('utf16le')).not.toContain('hunter');
  });

  test('that begin a longer one leave nothing of the longer one visible', () => {
    expect(maskText(secretPatterns({ SHORT: 'secret', LONG: 'secret-and-more' }), 'a secret-and-more b secret c')).toBe('a *** b *** c');
  });

  test('that are too short to mask are named, and do not hide ordinary words', () => {
    const patterns = secretPatterns({ PIN: '1234', TOKEN: 'long enough' });
    expect(patterns.tooShort).toEqual(['PIN']);
    expect(maskText(patterns, '1234 long enough')).toBe('1234 ***');
  });

  test('hold back only what may begin a secret', () => {
    const stream = new SecretMask(secretPatterns({ TOKEN: 'hunter22' }));
    expect(Buffer.from(stream.push(bytes('hello hunt'))).toString()).toBe('hello ');
    expect(Buffer.from(stream.push(bytes('ing'))).toString()).toBe('hunting');
  });

  test('are found in bytes about to be stored', () => {
    const patterns = secretPatterns({ TOKEN: 'hunter22' });
    expect(new SecretSearch(patterns).push(bytes('x hunter22'))).toBe(true);
    const cut = new SecretSearch(patterns);
    expect([cut.push(bytes('x hunter')), cut.push(bytes('22'))]).toEqual([false, true]);
  });
});
