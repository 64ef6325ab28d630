import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  addHistograms,
  bucketCount,
  bucketOf,
  bucketUpperBound,
  type Histogram,
  histogramTotal,
  quantile,
  subtractHistogram,
} from './histogram.ts';

const latency = fc.oneof(
  fc.integer({ min: 0, max: 200 }),
  fc.integer({ min: 0, max: 2 ** 36 - 1 }),
  fc.double({ min: 0, max: 1e6, noNaN: true }),
);
const histogramOf = (latencies: readonly number[]): Histogram => {
  const counts: number[] = [];
  for (const us of latencies) {
    const bucket = bucketOf(us);
    while (counts.length <= bucket) counts.push(0);
    counts[bucket] = (counts[bucket] ?? 0) + 1;
  }
  return counts;
};
const trimmed = (histogram: Histogram): Histogram => histogram.slice(0, histogram.findLastIndex((count) => count > 0) + 1);

test('buckets rise with the latency and never leave their range', () => {
  fc.assert(
    fc.property(latency, latency, (a, b) => {
      const [low, high] = a <= b ? [a, b] : [b, a];
      expect(bucketOf(low)).toBeLessThanOrEqual(bucketOf(high));
      expect(bucketOf(high)).toBeLessThan(bucketCount);
    }),
  );
});

test('every bucket ends where the next one begins, without gap or overlap', () => {
  for (let bucket = 0; bucket < bucketCount; bucket += 1) {
    const last = bucketUpperBound(bucket);
    expect(bucketOf(last)).toBe(bucket);
    if (bucket + 1 < bucketCount) expect(bucketOf(last + 1)).toBe(bucket + 1);
  }
  expect(bucketUpperBound(bucketCount - 1)).toBe(2 ** 36 - 1);
});

test('an upper bound is at most 1/32 above the latency it stands for', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 36 - 1 }), (us) => {
      const bound = bucketUpperBound(bucketOf(us));
      expect(bound).toBeGreaterThanOrEqual(us);
      expect(bound - us).toBeLessThanOrEqual(us / 32);
    }),
  );
});

test('latencies below zero and beyond the largest are counted, not lost', () => {
  expect([bucketOf(-5), bucketOf(2 ** 50)]).toEqual([0, bucketCount - 1]);
});

test('a quantile is the bucket of the sorted latency at that rank', () => {
  fc.assert(
    fc.property(fc.array(latency, { minLength: 1, maxLength: 200 }), fc.constantFrom(0, 0.5, 0.95, 0.99, 0.999, 1), (latencies, q) => {
      const sorted = latencies.toSorted((a, b) => a - b);
      const at = sorted[Math.max(1, Math.ceil(q * sorted.length)) - 1] ?? 0;
      expect(quantile(histogramOf(latencies), q)).toBe(bucketUpperBound(bucketOf(at)));
    }),
  );
  expect(quantile([], 0.5)).toBeUndefined();
});

test('adding and subtracting histograms is adding and subtracting counts', () => {
  fc.assert(
    fc.property(fc.array(latency), fc.array(latency), (first, second) => {
      const [a, b] = [histogramOf(first), histogramOf(second)];
      const both = addHistograms(a, b);
      expect(both).toEqual(addHistograms(b, a));
      expect(both).toEqual(histogramOf([...first, ...second]));
      expect(histogramTotal(both)).toBe(first.length + second.length);
      expect(trimmed(subtractHistogram(both, a))).toEqual(trimmed(b));
    }),
  );
});
