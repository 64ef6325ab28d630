export type { CoverageEvidence, Evidence, FileCoverage, ReportError, Share, TestEvidence, TestFailure } from './evidence.ts';
export { parseReport } from './parser.ts';
export type { ReportFormat } from './parser.ts';
