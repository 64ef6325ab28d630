export { collectEvidence } from './evidence.ts';
export type { ReportReader } from './evidence.ts';
export { concludePipeline } from './outcome.ts';
export type { GateOutcome, PipelineOutcome } from './outcome.ts';
export { runPipeline } from './run-pipeline.ts';
export type { PipelinePorts } from './run-pipeline.ts';
