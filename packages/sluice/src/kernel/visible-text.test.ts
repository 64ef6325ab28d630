import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { visibleLines, visibleText } from './visible-text.ts';

const codes = (...points: readonly number[]): string => String.fromCodePoint(...points);

describe('text of others is visible and stays on its line', () => {
  test.each([
    ['plain text', 'fix: MAX_ORDER_SIZE 500 -> 1,000 (see #12)', 'fix: MAX_ORDER_SIZE 500 -> 1,000 (see #12)'],
    ['a forged line', 'docs\n✔ approved by risk', 'docs\\u{a}✔ approved by risk'],
    ['a carriage return', 'docs\rlimits', 'docs\\u{d}limits'],
    ['a tab', 'a\tb', 'a\\u{9}b'],
    ['an escape sequence', codes(0x1b) + '[2J' + codes(0x1b) + ']0;title' + codes(7), '\\u{1b}[2J\\u{1b}]0;title\\u{7}'],
    ['control characters of eight bits', codes(0x9b) + '31m', '\\u{9b}31m'],
    ['DEL and NUL', codes(0x7f, 0), '\\u{7f}\\u{0}'],
    ['turned order', `limit ${codes(0x202e)}0001${codes(0x202c)}`, 'limit \\u{202e}0001\\u{202c}'],
    ['isolates and marks', codes(0x2066, 0x2069, 0x200e, 0x200f, 0x61c), '\\u{2066}\\u{2069}\\u{200e}\\u{200f}\\u{61c}'],
    ['no width', `pro${codes(0x200b)}duct${codes(0xfeff)}ion${codes(0x2060)}`, 'pro\\u{200b}duct\\u{feff}ion\\u{2060}'],
    ['a soft hyphen', `a${codes(0xad)}b`, 'a\\u{ad}b'],
    ['separators of lines and paragraphs', `a${codes(0x2028)}b${codes(0x2029)}c${codes(0x85)}d`, 'a\\u{2028}b\\u{2029}c\\u{85}d'],
    ['a lone surrogate', `a\ud800b\udc00`, 'a\\u{d800}b\\u{dc00}'],
    ['tags', `ok${codes(0xe0041, 0xe007f)}`, 'ok\\u{e0041}\\u{e007f}'],
    ['variation selectors', `a${codes(0xfe0f)}b${codes(0xe0100)}`, 'a\\u{fe0f}b\\u{e0100}'],
    ['fillers and blanks', codes(0x3164, 0x115f, 0x2800, 0xa0, 0x3000), '\\u{3164}\\u{115f}\\u{2800}\\u{a0}\\u{3000}'],
    ['private and unassigned characters', codes(0xe0b0, 0x378, 0xffff), '\\u{e0b0}\\u{378}\\u{ffff}'],
    ['a flood of marks', `a${codes(0x300, 0x301, 0x302, 0x303)}b`, `a${codes(0x300, 0x301, 0x302)}\\u{303}b`],
    ['one mark again and again', `a${codes(0x301, 0x301)}`, `a${codes(0x301)}\\u{301}`],
    ['a number that is struck through', `10${codes(0x336)}0${codes(0x336)}`, '10\\u{336}0\\u{336}'],
    ['a mark without a letter', `${codes(0x301)} ${codes(0x301)}`, '\\u{301} \\u{301}'],
    ['letters from right to left', `1${codes(0x5d0)}2`, '1\\u{5d0}2'],
  ])('%s', (_, text, expected) => {
    expect(visibleText(text)).toBe(expected);
  });

  test.each([
    ['Cyrillic in a Latin word', 'p\u0430ypal', 'p\\u{430}ypal'],
    ['Greek in a Latin word', 'pr\u03bfd', 'pr\\u{3bf}d'],
    ['a name of parts', 'MAX_\u041e_SIZE', 'MAX_\\u{41e}_SIZE'],
    ['Cyrillic and Greek', '\u0434\u03b4', '\\u{434}\\u{3b4}'],
    ['a whole word that looks Latin', 'to \u0455\u0441\u043e\u0440\u0435', 'to \\u{455}\\u{441}\\u{43e}\\u{440}\\u{435}'],
    ['one letter in an address', 'bob@\u0430.example', 'bob@\\u{430}.example'],
    ['full-width and mathematical letters', '\uff50\u{1d429}', '\\u{ff50}\\u{1d429}'],
    ['digits of others', '\uff11\u0966\u{1d7d8}', '\\u{ff11}\\u{966}\\u{1d7d8}'],
    ['Roman numerals and circled letters', '\u2160 \u24b6', '\\u{2160} \\u{24b6}'],
    ['letters of phonetics', 'p\u0251y', 'p\\u{251}y'],
    ['a script nobody writes in', '\u13a0\u13a1', '\\u{13a0}\\u{13a1}'],
  ])('letters that pass for others are marked: %s', (_, text, expected) => {
    expect(visibleText(text)).toBe(expected);
  });

  test.each([
    'Grüße, naïve café, Łódź, Việt Nam',
    'Исправить ошибку в router с таймаутом',
    'Διόρθωση του ορίου',
    '制限を500に上げる Tシャツ',
    '修复 limit 检查',
    '한도 API수정',
    'ปรับวงเงิน',
    'सीमा बढ़ाई गई',
    'σ² ≤ 5 µs → ok ✔ “quoted” – dash… №',
    'deploy 🚀',
  ])('what people write is left alone: %s', (text) => {
    expect(visibleText(text)).toBe(text);
  });

  test('a long text is cut between characters and says how much is missing', () => {
    expect(visibleText('x'.repeat(501))).toBe(`${'x'.repeat(500)}… and 1 more character`);
    expect(visibleText('x'.repeat(100_000), 10)).toBe(`${'x'.repeat(10)}… and 99,990 more characters`);
    expect(visibleText('🚀'.repeat(4), 3)).toBe('🚀🚀🚀… and 1 more character');
    expect(visibleText('🚀'.repeat(3), 3)).toBe('🚀🚀🚀');
    expect(visibleText('\n'.repeat(4), 2)).toBe('\\u{a}\\u{a}… and 2 more characters');
  });

  test('property: whatever comes in, one line of visible characters comes out, and it is its own visible form', () => {
    const hidden = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/u;
    const unit = fc.oneof(
      fc.integer({ min: 0, max: 0x10ffff }).map((point) => String.fromCodePoint(point)),
      fc.integer({ min: 0, max: 0x24f }).map((point) => String.fromCodePoint(point)),
      fc.constantFrom('a', 'а', 'ο', ' ', '\u0301', '\u001b', '\\', '\ud800', '\u05d0'),
    );
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 40 }), (units) => {
        const visible = visibleText(units.join(''), Infinity);
        expect(visible).not.toMatch(hidden);
        expect(visibleText(visible, Infinity)).toBe(visible);
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('output of programs', () => {
  test('keeps its lines, loses its colours, and shows every other sequence', () => {
    const red = codes(0x1b) + '[31m';
    expect(visibleLines(`${red}FAIL${codes(0x1b)}[0m\tx\r\n10%\r20%\n${codes(0x1b)}[1Aup\n`)).toEqual([
      'FAIL    x',
      '10%',
      '20%',
      '\\u{1b}[1Aup',
    ]);
  });

  test('is bounded in lines and in their length', () => {
    expect(visibleLines('a\nbcd\nc\nd', { lines: 2, characters: 2 })).toEqual(['a', 'bc… and 1 more character', '… and 2 more lines']);
    expect(visibleLines('a\nb\n', { lines: 2 })).toEqual(['a', 'b']);
  });
});
