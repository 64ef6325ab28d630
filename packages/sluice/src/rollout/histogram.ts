/**
 * Latency counts in microseconds, mergeable and subtractable, so that verdicts rest on raw counts and never on averages of averages.
 * Log-linear buckets as in HdrHistogram: exact up to 63 us, then 32 buckets for each power of two (a relative error of at most 1/32).
 * A snapshot holds one count per bucket, from bucket 0, without trailing zeros.
 */
export type Histogram = readonly number[];

const exactBelow = 64;
const perPowerOfTwo = 32;
/** 2^36 us is about 19 hours; longer answers count in the last bucket. */
const largest = 2 ** 36 - 1;

/** How many buckets there are. */
export const bucketCount = exactBelow + (36 - 6) * perPowerOfTwo;

/** The bucket of a latency in microseconds. */
export function bucketOf(microseconds: number): number {
  const us = Math.min(Math.max(0, Math.round(microseconds)), largest);
  if (us < exactBelow) return us;
  const exponent = 31 - Math.clz32(us);
  // Shifts work on 32 bits; above that the same arithmetic by division.
  if (us >= 2 ** 31) {
    const big = Math.floor(Math.log2(us));
    return exactBelow + (big - 6) * perPowerOfTwo + (Math.floor(us / 2 ** (big - 5)) - perPowerOfTwo);
  }
  return exactBelow + (exponent - 6) * perPowerOfTwo + ((us >>> (exponent - 5)) - perPowerOfTwo);
}

/** The largest latency in microseconds that falls into a bucket. */
export function bucketUpperBound(bucket: number): number {
  if (bucket < exactBelow) return bucket;
  const exponent = 6 + Math.floor((bucket - exactBelow) / perPowerOfTwo);
  const step = (bucket - exactBelow) % perPowerOfTwo;
  return (perPowerOfTwo + step + 1) * 2 ** (exponent - 5) - 1;
}

/** How many latencies were counted. */
export const histogramTotal = (histogram: Histogram): number => histogram.reduce((sum, count) => sum + count, 0);

/** The counts of both. */
export function addHistograms(a: Histogram, b: Histogram): Histogram {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, at) => (a[at] ?? 0) + (b[at] ?? 0));
}

/** What was counted after `earlier`, an older snapshot of the same counters. */
export function subtractHistogram(later: Histogram, earlier: Histogram): Histogram {
  return later.map((count, at) => Math.max(0, count - (earlier[at] ?? 0)));
}

/** The latency in microseconds below or at which the share `q` (0 to 1) of the answers lies; undefined without answers. */
export function quantile(histogram: Histogram, q: number): number | undefined {
  const total = histogramTotal(histogram);
  if (total === 0) return undefined;
  const rank = Math.max(1, Math.ceil(q * total));
  let seen = 0;
  for (const [bucket, count] of histogram.entries()) {
    seen += count;
    if (seen >= rank) return bucketUpperBound(bucket);
  }
  return undefined;
}
