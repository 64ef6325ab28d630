export type { Plan, PlannedJob } from '#plan';
export { executePlan } from './execute-plan.ts';
export type { RunOptions, RunPorts } from './execute-plan.ts';
export type { EffectDecision } from './execute-job.ts';
export { describeFailure, isFailure, succeeded } from './job-result.ts';
export type { Attempt, AttemptEnd, Failure, JobResult, ReportFile, UnresolvedEffect } from './job-result.ts';
export type {
  AttemptReport,
  AttemptRequest,
  Cache,
  CacheAnswer,
  CacheRequest,
  CacheTicket,
  EffectBook,
  EffectKey,
  EffectOfRun,
  Executor,
  RunFolder,
  RunningServices,
  ServiceProvider,
  StoreAnswer,
  StoreRequest,
} from './ports.ts';
export type { RunEvent, RunFact, RunOutcome } from './run-event.ts';
export { outcomeOf } from './run-record.ts';
export type { JournalEntry, RunRecord, RunResult } from './run-record.ts';
export { maskBytes, maskText, SecretMask, SecretSearch } from './secret-mask.ts';
export { secretPatterns } from './secret-patterns.ts';
export type { SecretPatterns } from './secret-patterns.ts';
export { nextJobs } from './schedule.ts';
export type { OnFailure, Progress, Schedule, SchedulePolicy } from './schedule.ts';
