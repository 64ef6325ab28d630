import type { Brand } from './brand.ts';

/** A share in ten-thousandths: 10,000 is the whole. */
export type BasisPoints = Brand<number, 'BasisPoints'>;

/** `n` basis points, a whole number from 0 to 10,000. */
export function basisPoints(n: number): BasisPoints {
  if (!Number.isInteger(n) || n < 0 || n > 10_000) throw new RangeError(`not basis points: ${n} (a whole number from 0 to 10,000)`);
  return n as BasisPoints;
}

/** `n` percent, from 0 to 100, exact to a hundredth of a percent. */
export function percent(n: number): BasisPoints {
  const bp = Math.round(n * 100);
  if (!Number.isFinite(n) || Math.abs(bp - n * 100) > 1e-6) throw new RangeError(`not a percentage with at most two decimals: ${n}`);
  return basisPoints(bp);
}

/** For people: `5 %`, `0.05 %`. */
export const formatBasisPoints = (bp: number): string => `${(bp / 100).toFixed(2).replace(/\.?0+$/, '')} %`;
