import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { basisPoints } from '#kernel';
import { Split } from './split.ts';

const weights = (green: number) => ({ blue: basisPoints(10_000 - green), green: basisPoints(green) });

/** Chance that can be repeated (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** 1 for each request that went to green. */
function drawn(green: number, length: number, seed: number): readonly number[] {
  const split = new Split(seeded(seed));
  split.set(weights(green));
  return Array.from({ length }, () => (split.next() === 'green' ? 1 : 0));
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

describe('the split of traffic', () => {
  test('R-ROLL-04: in any run of requests, however long, each slot gets its share to within a few requests', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9_999 }), fc.nat(2 ** 31), fc.nat(20_000), (green, seed, skipped) => {
        const length = 20_000;
        const got = sum(drawn(green, skipped + length, seed).slice(skipped));
        // Pure chance would be off by 140 at half and half, once in twenty by more than that.
        expect(Math.abs(got - (length * green) / 10_000)).toBeLessThan(25);
      }),
      { numRuns: 60 },
    );
  });

  test('D17: no share is none, all is all, and the smallest share gets requests', () => {
    expect(sum(drawn(0, 10_000, 1))).toBe(0);
    expect(sum(drawn(10_000, 10_000, 1))).toBe(10_000);
    const smallest = sum(drawn(1, 400_000, 1));
    expect(smallest).toBeGreaterThan(20);
    expect(smallest).toBeLessThan(60);
  });

  test.for([500, 2_500, 5_000, 9_000])(
    'with %i basis points no request tells where the next ones go, whatever rhythm a client has',
    (green) => {
      const share = green / 10_000;
      const length = 60_000;
      const runs = drawn(green, length, green);
      // In step with any rhythm: each beat of it gets its fair share. Five standard deviations of chance.
      for (let rhythm = 2; rhythm <= 64; rhythm += 1) {
        for (let beat = 0; beat < rhythm; beat += 1) {
          const mine = runs.filter((_, at) => at % rhythm === beat);
          const tolerated = 5 * Math.sqrt((share * (1 - share)) / mine.length);
          expect(Math.abs(sum(mine) / mine.length - share)).toBeLessThan(tolerated);
        }
      }
      // Neighbours hardly know of each other, near or far.
      for (let distance = 1; distance <= 200; distance += 1) {
        let together = 0;
        for (let at = distance; at < length; at += 1) together += ((runs[at] ?? 0) - share) * ((runs[at - distance] ?? 0) - share);
        const correlation = together / (length - distance) / (share * (1 - share));
        expect(Math.abs(correlation)).toBeLessThan(0.05);
      }
    },
  );

  test('nobody who knows everything that was drawn can guess much better than somebody who knows the share alone', () => {
    const runs = drawn(5_000, 40_000, 7);
    const seen = new Map<string, [number, number]>();
    let right = 0;
    for (let at = 12; at < runs.length; at += 1) {
      const past = runs.slice(at - 12, at).join('');
      const [zeros, ones] = seen.get(past) ?? [0, 0];
      if ((ones > zeros ? 1 : 0) === runs[at]) right += 1;
      seen.set(past, runs[at] === 1 ? [zeros, ones + 1] : [zeros + 1, ones]);
    }
    expect(right / runs.length).toBeLessThan(0.56);
  });

  test('weights told again do not disturb the sequence, and none at all is nobody’s turn', () => {
    const [once, often] = [new Split(seeded(3)), new Split(seeded(3))];
    expect(once.next()).toBeUndefined();
    once.set(weights(500));
    for (let n = 0; n < 2_000; n += 1) {
      often.set(weights(500));
      expect(often.next()).toBe(once.next());
    }
  });
});
