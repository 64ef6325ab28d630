import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalJson } from './index.ts';

test('members stand in the order of their UTF-16 code units, as in RFC 8785 section 3.2.3', () => {
  const sample = {
    '\u20ac': 'Euro Sign',
    '\r': 'Carriage Return',
    '\ufb33': 'Hebrew Letter Dalet With Dagesh',
    '1': 'One',
    '\ud83d\ude00': 'Emoji',
    '\u0080': 'Control',
    '\u00f6': 'o',
  };
  expect([...canonicalJson(sample).matchAll(/:"(.*?)"/g)].map((match) => match[1])).toEqual([
    'Carriage Return',
    'One',
    'Control',
    'o',
    'Euro Sign',
    'Emoji',
    'Hebrew Letter Dalet With Dagesh',
  ]);
});

test('numbers have the form of ECMAScript', () => {
  // eslint-disable-next-line no-loss-of-precision -- the example of RFC 8785, whose point is the rounding
  expect(canonicalJson([333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001, -0])).toBe(
    '[333333333.3333333,1e+30,4.5,0.002,1e-27,0]',
  );
});

test('the same value written in any order of members has one text, and the text reads back as the value', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const parsed = JSON.parse(JSON.stringify(value)) as unknown;
      const text = canonicalJson(parsed);
      expect(canonicalJson(reversed(parsed))).toBe(text);
      expect(JSON.parse(text)).toEqual(parsed);
    }),
  );
});

test('every character is written as JSON.stringify writes it, alone or amid others', () => {
  for (let unit = 0; unit <= 0xffff; unit += 1) {
    const text = `a${String.fromCharCode(unit)}b`;
    if (text.isWellFormed()) expect(canonicalJson(text) === JSON.stringify(text), `U+${unit.toString(16)}`).toBe(true);
    else expect(() => canonicalJson(text)).toThrow(/well-formed/);
  }
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => canonicalJson(text) === JSON.stringify(text)));
});

test('members named like indices stand in the order of text, not of numbers', () => {
  expect(canonicalJson({ 10: 'b', 9: 'c', 1: 'a', __proto_: 0 })).toBe('{"1":"a","10":"b","9":"c","__proto_":0}');
  expect(canonicalJson(JSON.parse('{"b":1,"__proto__":2}'))).toBe('{"__proto__":2,"b":1}');
});

test('members that are undefined are left out, holes and undefined items refused', () => {
  expect(canonicalJson({ a: undefined, b: [], c: {}, d: undefined })).toBe('{"b":[],"c":{}}');
  for (const items of [[1, undefined], Object.assign([1], { length: 2 })]) {
    expect(() => canonicalJson({ items })).toThrow('$.items[1]: undefined has no JSON form');
  }
});

test('a member whose name is no Unicode is refused', () => {
  expect(() => canonicalJson({ a: { '\ud800': 1 } })).toThrow(/well-formed/);
});

test('what JSON cannot say is refused with its place, never altered', () => {
  for (const value of [Number.NaN, Infinity, 1n, () => 1, Symbol('x'), new Date(0), new Map(), '\ud800']) {
    expect(() => canonicalJson({ a: [value] })).toThrow(/\$\.a\[0\]/);
  }
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, member]) => [key, reversed(member)]),
  );
}
