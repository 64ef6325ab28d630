import type { BasisPoints } from '#kernel';

/** Policy over evidence, as a delivery declares it. */
export type GatePolicy = TestsPolicy | CoveragePolicy;

/** No failure, enough tests, not too many of them skipped. */
export type TestsPolicy = { readonly kind: 'tests'; readonly minimum: number; readonly maximumSkipped: BasisPoints };

/** Enough of the lines executed. */
export type CoveragePolicy = { readonly kind: 'coverage'; readonly lines: BasisPoints };

/** A gate of a plan: its policy, and the planned jobs each of which must have left a report. */
export type JudgedGate = { readonly name: string; readonly gate: GatePolicy; readonly from: readonly string[] };

/** Which reports a gate of a kind reads. */
export const formatOf = { tests: 'junit', coverage: 'lcov' } as const satisfies Record<GatePolicy['kind'], string>;
