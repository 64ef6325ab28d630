export type { CoveragePolicy, GatePolicy, JudgedGate, TestsPolicy } from './policy.ts';
export { judgeGate, proveGate } from './proof.ts';
export type { Judge } from './proof.ts';
export { reportOutcome } from './report-item.ts';
export type { FoundReport, ReportItem, ReportOutcome } from './report-item.ts';
