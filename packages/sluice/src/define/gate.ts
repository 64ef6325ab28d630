import { deepFreeze, percent, type BasisPoints } from '#kernel';
import { fill } from './filled.ts';

/** Policy over evidence, as plain data. `from` names the jobs whose reports are judged. */
export type Gate = TestsGate | CoverageGate;

/** Enough tests ran, none failed, and not too many were skipped. */
export type TestsGate = {
  readonly kind: 'tests';
  readonly from: readonly string[];
  /** Fewer executed tests than this are no evidence. */
  readonly minimum: number;
  readonly maximumSkipped: BasisPoints;
};

/** Enough of the lines were executed. */
export type CoverageGate = { readonly kind: 'coverage'; readonly from: readonly string[]; readonly lines: BasisPoints };

/** A gate that names the jobs it judges in its type, so that the delivery can check them. */
export type GateFrom<From extends string> = (Omit<TestsGate, 'from'> | Omit<CoverageGate, 'from'>) & { readonly from: readonly From[] };

/**
 * Passes when at least `minimum` tests (1 unless told) were executed in the JUnit reports of these jobs, none failed, and no more than
 * `maximumSkipped` of them (10 % unless told) were skipped.
 */
export const tests = <const From extends string>(input: {
  readonly from: readonly From[];
  readonly minimum?: number;
  readonly maximumSkipped?: BasisPoints;
}): GateFrom<From> => deepFreeze(fill(input, { kind: 'tests', minimum: 1, maximumSkipped: percent(10) } as Partial<GateFrom<From>>));

/** Passes when at least this share of the lines in the LCOV reports of these jobs was executed. */
export const coverage = <const From extends string>(input: {
  readonly from: readonly From[];
  readonly lines: BasisPoints;
}): GateFrom<From> => deepFreeze(fill(input, { kind: 'coverage' }));
