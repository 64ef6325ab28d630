import type { Digest } from '#kernel';

/** What a tool left behind, read by us: the only thing a gate judges. `digest` is that of the report's bytes. */
export type Evidence = TestEvidence | CoverageEvidence;

/** A test that failed, as far as a person needs it; long texts are cut. */
export type TestFailure = { readonly name: string; readonly message: string };

/** What tests did, counted test by test, attempts at one test as one: what a report says of itself is compared, never trusted. */
export type TestEvidence = {
  readonly kind: 'tests';
  /** Tests that ran: passed, failed and flaky ones. */
  readonly executed: number;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Tests that failed and passed when they were tried again: never counted as passed. */
  readonly flaky: number;
  /** The first hundred names of those. */
  readonly flakyTests: readonly string[];
  /**
   * Failures that the report claims and no case shows. node:test writes no failure element for a test that fails after its subtests passed;
   * only the counts at the end know of it.
   */
  readonly unexplained: number;
  /** The first hundred failures. */
  readonly failures: readonly TestFailure[];
  readonly warnings: readonly string[];
  readonly digest: Digest;
};

/** How many there are, and how many of them were executed. */
export type Share = { readonly found: number; readonly hit: number };

/** The executed and the missed lines of one source file, in ascending order. */
export type FileCoverage = {
  readonly path: string;
  readonly lines: Share;
  readonly branches: Share;
  readonly covered: readonly number[];
  readonly missed: readonly number[];
};

/** Which lines were executed, counted line by line: the sums in a report are ignored. */
export type CoverageEvidence = {
  readonly kind: 'coverage';
  readonly files: readonly FileCoverage[];
  readonly warnings: readonly string[];
  readonly digest: Digest;
};

/** Why a report is no evidence: it holds nothing (`empty`), or not what its format promises (`unreadable`). */
export type ReportError = { readonly kind: 'empty' | 'unreadable'; readonly message: string };

/** Ends a parser from within; only `parseReport` catches it. */
export class Refusal extends Error {
  readonly kind: ReportError['kind'];

  constructor(kind: ReportError['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}
