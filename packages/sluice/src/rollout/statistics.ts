import type { EvidenceProgress, Tally } from './watch-progress.ts';

/**
 * Tests that may be looked at after every sample without raising the false-alarm rate.
 *
 * Each interval gives, for several alternatives, an e-value: a number whose expectation is at most 1 while nothing is wrong. Their running products
 * are non-negative supermartingales, so by Ville's inequality the chance that they ever reach 1/alpha is at most alpha, however often one looks
 * (Grünwald, de Heide, Koolen, "Safe Testing", JRSS B 2024; for two-by-two tables Turner, Ly, Grünwald, "Generic E-variables for exact sequential
 * k-sample tests that allow for optional stopping", 2024).
 *
 * A fault may begin late, when a product that began with the watch has long sunk to nothing. So the bet is spread over the times at which the fault
 * may begin: a share of the mass is put in at the start, the rest as time goes by. A mixture of supermartingales whose shares, fixed beforehand, sum to at
 * most 1 keeps the bound (the e-detector of Shin, Ramdas, Rinaldo, 2022, with a finite budget instead of an average run length).
 */
export type Comparison = { readonly candidate: Tally; readonly stable: Tally };

/** How many times the odds of a bad answer are raised, under the alternatives. The smallest is the practical floor: less than twice as bad is not hunted. */
const oddsRatios: readonly number[] = [2, 5, 20, 100];

/** Share of the distance from the tolerated rate to certainty, under the alternatives of the absolute test. */
const excesses: readonly number[] = [0.05, 0.15, 0.45, 0.9];

/** The share of the bet that is placed at the start of a watch; the rest follows over its length. */
const firstShare = 0.5;

/**
 * One e-value per odds ratio for what two slots answered in the same interval. Given how many answers each gave and how many were bad in all, the number of
 * bad ones of the new slot is hypergeometric if both are equal (Fisher's exact test): the base rate drops out, and may drift as it likes.
 * Without answers of one slot, or without bad ones, the interval says nothing: 1.
 */
export function comparisonEvidence({ candidate, stable }: Comparison): readonly number[] {
  const bad = candidate.bad + stable.bad;
  const least = Math.max(0, bad - stable.answers);
  const most = Math.min(bad, candidate.answers);
  if (least >= most) return oddsRatios.map(() => 1);
  const logWeights: number[] = [0];
  for (let k = least; k < most; k += 1) {
    const up = ((candidate.answers - k) * (bad - k)) / ((k + 1) * (stable.answers - bad + k + 1));
    logWeights.push((logWeights.at(-1) ?? 0) + Math.log(up));
  }
  const plain = logSumExp(logWeights);
  return oddsRatios.map((odds) => {
    const tilt = Math.log(odds);
    const tilted = logSumExp(logWeights.map((weight, at) => weight + (least + at) * tilt));
    return Math.exp(candidate.bad * tilt - (tilted - plain));
  });
}

/** One e-value per alternative against "at most the share `tolerated` of the answers is bad": a binomial likelihood ratio, which only sinks where the true rate is lower. */
export function absoluteEvidence({ answers, bad }: Tally, tolerated: number): readonly number[] {
  return excesses.map((excess) => {
    const rate = tolerated + (1 - tolerated) * excess;
    return Math.exp(bad * Math.log(rate / tolerated) + (answers - bad) * Math.log((1 - rate) / (1 - tolerated)));
  });
}

/** Adds the evidence of one interval; `share` is the part of the watch's length that the interval is. */
export function addEvidence(progress: EvidenceProgress, evidence: readonly number[], how: { readonly share: number }): EvidenceProgress {
  // The bet is placed before the interval is looked at; placing it afterwards would break the bound.
  const begins = progress.values.length === 0;
  const placed = begins ? firstShare : progress.massLeft * Math.min(1, Math.max(0, how.share));
  const values = evidence.map((value, at) => Math.min(largest, ((progress.values[at] ?? 0) + placed) * value));
  return { values, massLeft: progress.massLeft - placed };
}

/** Far above every threshold, far below overflow. */
const largest = 1e12;

/** The evidence against "nothing is wrong" as one number: compare it with 1/alpha. */
export const evidenceOf = ({ values }: EvidenceProgress): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

function logSumExp(logs: readonly number[]): number {
  const top = logs.reduce((a, b) => Math.max(a, b), -Infinity);
  return top + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - top), 0));
}
