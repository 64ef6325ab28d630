import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { basisPoints } from '#kernel';
import { Split } from './split.ts';

const weights = (green: number) => ({ blue: basisPoints(10_000 - green), green: basisPoints(green) });

describe('the split of traffic', () => {
  test('R-ROLL-04: in any run of requests each slot gets its share, to less than one request', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000 }), fc.nat(5_000), fc.integer({ min: 1, max: 3_000 }), (green, skipped, length) => {
        const split = new Split();
        split.set(weights(green));
        for (let n = 0; n < skipped; n += 1) split.next();
        let got = 0;
        for (let n = 0; n < length; n += 1) got += split.next() === 'green' ? 1 : 0;
        expect(Math.abs(got - (length * green) / 10_000)).toBeLessThan(1);
      }),
    );
  });

  test('D17: one basis point is one of 10,000, none is none, all are all', () => {
    for (const green of [0, 1, 9_999, 10_000]) {
      const split = new Split();
      split.set(weights(green));
      let got = 0;
      for (let n = 0; n < 10_000; n += 1) got += split.next() === 'green' ? 1 : 0;
      expect(got).toBe(green);
    }
  });

  test('weights told again do not disturb the sequence, and none at all is nobody’s turn', () => {
    const split = new Split();
    expect(split.next()).toBeUndefined();
    let got = 0;
    for (let n = 0; n < 1_000; n += 1) {
      split.set(weights(500));
      got += split.next() === 'green' ? 1 : 0;
    }
    expect(got).toBe(50);
  });
});
