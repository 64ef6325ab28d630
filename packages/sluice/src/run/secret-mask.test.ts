import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { maskText, SecretMask, SecretSearch } from './secret-mask.ts';
import { secretPatterns } from './secret-patterns.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const concat = (parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts);

function masked(secrets: Readonly<Record<string, string>>, chunks: readonly Uint8Array[]): Buffer {
  const stream = new SecretMask(secretPatterns(secrets));
  return concat([...chunks.map((chunk) => stream.push(chunk)), stream.flush()]);
}

const ascii = (text: string): string =>
  text.replaceAll(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
const everyByte = (text: string, write: (hex: string) => string): string => Buffer.from(text).toString('hex').replaceAll(/../g, write);

/** How common tools write a text into other text. */
const encodings: Readonly<Record<string, (text: string) => string>> = {
  plain: (text) => text,
  'JSON, as JavaScript writes it': (text) => JSON.stringify(text),
  'JSON, as Python writes it': (text) => ascii(JSON.stringify(text)),
  'JSON, as PHP writes it': (text) => JSON.stringify(text).replaceAll('/', '\\/'),
  'JSON, as Go writes it': (text) => JSON.stringify(text).replaceAll(/[<>&]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`),
  'JSON, each character escaped': (text) =>
    `"${text.replaceAll(/[^]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`)}"`,
  'JSON in JSON': (text) => JSON.stringify(JSON.stringify({ text })),
  'bytes of C and Python': (text) => everyByte(text, (hex) => `\\x${hex}`),
  'octal bytes': (text) => everyByte(text, (hex) => `\\${Number.parseInt(hex, 16).toString(8).padStart(3, '0')}`),
  XML: (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;'),
  'XML in numbers': (text) =>
    Array.from(text)
      .map((char) => `&#${char.codePointAt(0)};`)
      .join(''),
  'XML in hexadecimal numbers': (text) =>
    Array.from(text)
      .map((char) => `&#x${char.codePointAt(0)?.toString(16)};`)
      .join(''),
  'percent-encoding': (text) => encodeURIComponent(text),
  'percent-encoding of every byte': (text) => everyByte(text, (hex) => `%${hex.toUpperCase()}`),
  'percent-encoding, twice': (text) => encodeURIComponent(encodeURIComponent(text)),
  'a form': (text) => new URLSearchParams({ text }).toString(),
  'quotes of a shell': (text) => `'${text.replaceAll("'", `'\\''`)}'`,
  'printf %q': (text) => text.replaceAll(/[^A-Za-z0-9\u0080-\uffff\n]/g, '\\$&'),
  base64: (text) => Buffer.from(text).toString('base64'),
  'base64 for URLs': (text) => Buffer.from(text).toString('base64url'),
  'base64 of more, in lines': (text) =>
    Buffer.from(`user:${text}@host.example and what else stands in a header of some length`)
      .toString('base64')
      .replaceAll(/.{20}/g, '$&\r\n'),
  'base64 in JSON': (text) => JSON.stringify(Buffer.from(`ab${text}`).toString('base64').replaceAll(/.{12}/g, '$&\n')),
  'base64 percent-encoded': (text) => encodeURIComponent(Buffer.from(`a${text}`).toString('base64')),
  'hexadecimal digits': (text) => everyByte(text, (hex) => hex),
  'hexadecimal digits with colons': (text) => everyByte(text, (hex) => `${hex.toUpperCase()}:`),
  'groups of xxd': (text) => Buffer.from(`x${text}`).toString('hex').replaceAll(/.{4}/g, '$& '),
};

const decoders: Readonly<Record<string, (text: string) => string>> = {
  plain: (text) => text,
  base64: (text) => Buffer.from(text, 'base64').toString('latin1'),
  hex: (text) => Buffer.from(text.replaceAll(/[^0-9a-fA-F]/g, ''), 'hex').toString('latin1'),
};

// A small alphabet makes overlaps, prefixes and repetitions likely.
const secret = fc.string({ unit: fc.constantFrom('a', 'b', '"', "'", '\n', 'é', '&', '%', '+', '\\', '😀'), minLength: 6, maxLength: 12 });

describe('R-RUN-06, I11: secrets', () => {
  test.each(Object.entries(encodings))('are hidden in %s, and nothing else is', (_, encode) => {
    fc.assert(
      fc.property(secret, fc.string({ unit: fc.constantFrom('x', ' ', '\n', '{', '='), maxLength: 6 }), (value, around) => {
        fc.pre(value.isWellFormed());
        const written = encode(value);
        const shown = masked({ VALUE: value }, [bytes(`${around} ${written} ${around}.`)]).toString();
        expect(shown).toContain('***');
        expect(shown.startsWith(`${around} `)).toBe(true);
        expect(shown.endsWith(` ${around}.`)).toBe(true);
        for (const decode of Object.values(decoders)) expect(decode(shown)).not.toContain(value);
        expect(shown.length).toBeLessThan(written.length + 2 * around.length + 6);
      }),
      { numRuns: 60 },
    );
  });

  test('are hidden the same way wherever the stream is cut', () => {
    const writers = Object.values(encodings);
    fc.assert(
      fc.property(
        fc.array(secret, { minLength: 1, maxLength: 3 }),
        fc.array(
          fc.oneof(fc.nat({ max: 99 }), fc.string({ unit: fc.constantFrom('a', 'b', 'x', '\n', '\\', '&', '%', "'", 'Y'), maxLength: 5 })),
          { maxLength: 8 },
        ),
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
        (secrets, pieces, cuts) => {
          const text = (piece: number, at: number): string =>
            (writers[piece % writers.length] as (text: string) => string)(secrets[at % secrets.length] as string);
          const input = bytes(pieces.map((piece, at) => (typeof piece === 'string' ? piece : text(piece, at))).join(''));
          const chunks: Uint8Array[] = [];
          for (let at = 0, cut = 0; at < input.length; cut += 1) {
            const size = cuts[cut % cuts.length]!;
            chunks.push(input.subarray(at, at + size));
            at += size;
          }
          const named = Object.fromEntries(secrets.map((value, at) => [`S${at}`, value]));
          const output = masked(named, chunks);
          expect(output.toString('latin1')).toBe(masked(named, [input]).toString('latin1'));
          for (const value of secrets) expect(output.includes(Buffer.from(value))).toBe(false);
        },
      ),
      { numRuns: 600 },
    );
  });

  test('that are not there change nothing', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }), (chunks) => {
        expect(masked({ VALUE: 'correct horse battery' }, chunks).equals(concat(chunks))).toBe(true);
      }),
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
    expect(Buffer.from(stream.push(bytes('ing!'))).toString()).toBe('hunting!');
  });

  test('are found in bytes about to be stored', () => {
    const patterns = secretPatterns({ TOKEN: 'hunter22' });
    expect(new SecretSearch(patterns).push(bytes('x hunter22'))).toBe(true);
    const cut = new SecretSearch(patterns);
    expect([cut.push(bytes('x hunter')), cut.push(bytes('22'))]).toEqual([false, true]);
  });

  describe('of the size of key files', () => {
    const lines = Array.from({ length: 500 }, (_, at) =>
      Buffer.from(`line ${at} of a key that is long enough to be a long key`).toString('base64').slice(0, 64),
    );
    const key = `-----BEGIN KEY-----\n${lines.join('\n')}\n==\n-----END KEY-----\n`;

    test('are hidden whole, folded in any way and encoded, and cost no more than a few dozen bytes of memory for each of theirs', () => {
      const patterns = secretPatterns({ KEY: key });
      expect(patterns.next.byteLength).toBeLessThan(key.length * 400);
      for (const join of ['\n', '\r\n', ' ', '', '\\n']) {
        const shown = maskText(patterns, `a ${key.replaceAll('\n', join)} z`);
        expect(shown.length).toBeLessThan(6 * lines.length);
        for (const line of lines) expect(shown).not.toContain(line.slice(0, 12));
      }
      expect(maskText(patterns, Buffer.from(key).toString('base64')).length).toBeLessThan(8 * lines.length);
    });

    test('are hidden in every part of them that is printed', () => {
      expect(maskText(secretPatterns({ KEY: key }), `head: ${lines[7] ?? ''} ${lines[8] ?? ''}`)).toBe('head: *** ***');
      const oneLine = Buffer.from(key).toString('base64');
      expect(maskText(secretPatterns({ KEY: oneLine }), `${oneLine.slice(0, 20_000)} and more`)).toMatch(/^\*\*\*.{0,60} and more$/);
    });

    test('are refused when they are larger than any key', () => {
      expect(() => secretPatterns({ DUMP: 'x'.repeat(64 * 1024 + 1) })).toThrow('secret "DUMP" is larger than 64 KiB');
      const many = Object.fromEntries(Array.from({ length: 5 }, (_, at) => [`S${at}`, String(at).repeat(60_000)]));
      expect(() => secretPatterns(many)).toThrow('the secrets of this run are larger than 256 KiB together');
    });
  });
});
