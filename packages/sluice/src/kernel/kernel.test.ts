import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  closest,
  deepFreeze,
  didYouMean,
  digestOf,
  digestOfJson,
  errorCodes,
  fromWireError,
  isDigest,
  isErrorCode,
  parseDigest,
  shortDigest,
  SluiceError,
  toWireError,
  ulid,
  worstVerdict,
  type VerdictKind,
} from './index.ts';

test('a digest is the SHA-256 of the bytes with its name in front', () => {
  expect(digestOf('abc')).toBe('sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  expect(digestOfJson({ b: 1, a: 2 })).toBe(digestOf('{"a":2,"b":1}'));
  expect(shortDigest(digestOf('abc'))).toBe('ba78…ad');
});

test('what is not a digest is refused at the edge', () => {
  for (const wrong of ['', 'sha256:', 'sha256:AB', `sha256:${'g'.repeat(64)}`, `md5:${'0'.repeat(64)}`]) {
    expect(isDigest(wrong)).toBe(false);
    expect(() => parseDigest(wrong)).toThrow(TypeError);
  }
});

test('an error crosses a boundary as data and comes back with its code, details and hint', () => {
  const error = new SluiceError('windowClosed', 'window closed', { details: { market: 'XNYS' }, hint: 'wait' });
  const back = fromWireError(JSON.parse(JSON.stringify(error.toWire())) as ReturnType<SluiceError['toWire']>);
  expect([back.code, back.message, back.details, back.hint, back.exitCode]).toEqual([
    'windowClosed',
    'window closed',
    { market: 'XNYS' },
    'wait',
    4,
  ]);
});

test('a throw that nobody expected is internal', () => {
  expect(toWireError(new RangeError('x'))).toEqual({ code: 'internal', message: 'x', details: {} });
  expect(toWireError('x').code).toBe('internal');
});

test('exit codes are public: 0 pass, 1 fail, 2 usage or configuration, 3 inconclusive, 4 window closed, 5 forbidden, 70 internal', () => {
  expect(Object.fromEntries(Object.entries(errorCodes).map(([code, { exit }]) => [code, exit]))).toEqual({
    gateFailed: 1,
    jobFailed: 1,
    rolloutFailed: 1,
    verificationFailed: 1,
    usage: 2,
    config: 2,
    notFound: 2,
    conflict: 2,
    unavailable: 2,
    inconclusive: 3,
    windowClosed: 4,
    forbidden: 5,
    internal: 70,
  });
  expect(isErrorCode('toString')).toBe(false);
});

test('any failure fails, any doubt is inconclusive, and nothing at all is inconclusive, never a pass (I1)', () => {
  const kinds = fc.constantFrom<VerdictKind>('pass', 'fail', 'inconclusive');
  fc.assert(
    fc.property(fc.array(kinds), (verdicts) => {
      const worst = worstVerdict(verdicts);
      expect(worst === 'pass').toBe(verdicts.length > 0 && verdicts.every((verdict) => verdict === 'pass'));
      expect(worst === 'fail').toBe(verdicts.includes('fail'));
    }),
  );
});

test('a typing mistake gets its suggestion, another word gets none', () => {
  expect(closest('compil', ['unit', 'compile'])).toBe('compile');
  expect(closest('unti', ['unit', 'compile'])).toBe('unit');
  expect(closest('deploy', ['unit', 'compile'])).toBeUndefined();
  expect(didYouMean('compil', ['compile'])).toBe(' Did you mean "compile"?');
});

test('identifiers sort by the time of their creation', () => {
  const random = (fill: number): Uint8Array => new Uint8Array(10).fill(fill);
  expect(ulid(1_469_918_176_385, random(0))).toBe('01ARYZ6S410000000000000000');
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 47 }), fc.nat({ max: 255 }), fc.nat({ max: 255 }), (at, a, b) => {
      expect(ulid(at, random(a)) < ulid(at + 1, random(b))).toBe(true);
    }),
  );
});

test('frozen data is frozen all the way down', () => {
  const value = deepFreeze({ a: [{ b: 1 }] });
  expect(Object.isFrozen(value.a[0])).toBe(true);
});
