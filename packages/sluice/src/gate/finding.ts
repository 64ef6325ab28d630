import type { Digest } from '#kernel';

/** What a judge found in one gate's evidence, before it is a verdict. */
export type Finding = {
  /** True whatever else is missing: a test failed. */
  readonly failures: readonly string[];
  /** True only when nothing is missing: the rest of the evidence might have made up for it. */
  readonly shortfalls: readonly string[];
  readonly doubts: readonly Doubt[];
  /** What a pass would say. */
  readonly fact: string;
  readonly evidence: readonly Digest[];
};

/** Why something could not be decided, and what to do about it. */
export type Doubt = { readonly because: string; readonly hint?: string };

/** Evidence that holds no numbers says nothing. */
export const senseless = (evidence: readonly Digest[]): Finding => ({
  failures: [],
  shortfalls: [],
  doubts: [{ because: 'a count is no number' }],
  fact: '',
  evidence,
});

/** A count that can be trusted to be one. */
export const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;

/** A share of which one may say that something is above or below it. */
export const isShare = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= 10_000;

/** For people, rounded down: what is not enough never looks like enough. */
export const shareOf = (part: number, whole: number): string => `${(Math.floor((part / whole) * 1_000) / 10).toFixed(1)} %`;
