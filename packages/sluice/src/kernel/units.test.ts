import fc from 'fast-check';
import { expect, test } from 'vitest';
import { basisPoints, formatBasisPoints, formatDuration, hours, microseconds, milliseconds, minutes, percent, seconds } from './index.ts';

test('a duration is milliseconds, exact to the microsecond, whatever unit it was written in', () => {
  expect([microseconds(500), milliseconds(0.5), seconds(1.5), minutes(2), hours(1)]).toEqual([0.5, 0.5, 1_500, 120_000, 3_600_000]);
});

test('a duration that cannot be kept exactly is refused, not rounded (D17)', () => {
  for (const wrong of [
    () => microseconds(0.5),
    () => milliseconds(0.0001),
    () => seconds(-1),
    () => minutes(Number.NaN),
    () => hours(Infinity),
  ]) {
    expect(wrong).toThrow(RangeError);
  }
});

test('durations read as people say them', () => {
  expect([80, 640, 14_200, 60_000, 90_000, 3_600_000, 6_120_000].map(formatDuration)).toEqual([
    '0.08s',
    '0.6s',
    '14.2s',
    '1m',
    '1m 30s',
    '1h',
    '1h 42m',
  ]);
});

test('a share is whole basis points, and a percentage is exact or refused', () => {
  expect([percent(5), percent(0.05), percent(100), basisPoints(1)]).toEqual([500, 5, 10_000, 1]);
  for (const wrong of [() => percent(0.001), () => percent(101), () => percent(-1), () => percent(Number.NaN), () => basisPoints(0.5)]) {
    expect(wrong).toThrow(RangeError);
  }
});

test('every share reads back from its printed form', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10_000 }), (bp) => {
      expect(percent(Number(formatBasisPoints(bp).replace(' %', '')))).toBe(bp);
    }),
  );
});
