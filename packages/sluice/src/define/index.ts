export { hours, microseconds, milliseconds, minutes, percent, basisPoints, seconds } from '#kernel';
export type { BasisPoints, Duration } from '#kernel';
export { defineDelivery, isDelivery } from './delivery.ts';
export type { Delivery, DeliveryInput, MachineIdentities, Pipeline } from './delivery.ts';
export { approvals, environment } from './environment.ts';
export type {
  ApprovalOptions,
  ApprovalRule,
  Environment,
  EnvironmentInput,
  EnvironmentOf,
  EnvironmentService,
  EnvironmentServiceInput,
  InstanceLimits,
} from './environment.ts';
export { coverage, tests } from './gate.ts';
export type { CoverageGate, Gate, GateFrom, TestsGate } from './gate.ts';
export { command, exitCode, job, junit, lcov, postgres, steps } from './job.ts';
export type {
  Job,
  JobInput,
  JobNeeding,
  JobService,
  Matrix,
  MatrixInput,
  Readiness,
  ReportDeclaration,
  RetryCause,
  RetryPolicy,
  Step,
  Steps,
} from './job.ts';
export { logLine, port, succeeds, url } from './readiness.ts';
export type { Patience } from './readiness.ts';
export { addressOf, byCookie, byHeader, byQuery, connect, folder, get, http, limit, service } from './service.ts';
export type {
  AddressOf,
  Folder,
  HealthCheck,
  Limit,
  Service,
  ServiceCalling,
  ServiceInput,
  SmokeCheck,
  StickyKey,
  Variable,
  Variables,
} from './service.ts';
export {
  blueGreen,
  cpu,
  errorRate,
  healthFailures,
  latency,
  memory,
  memoryGrowth,
  probes,
  restarts,
  step,
  withoutCanary,
} from './strategy.ts';
export type { BlueGreen, InconclusivePolicy, Trigger } from './strategy.ts';
export { grant } from './secret.ts';
export type { SecretGrant, SecretGrantOf } from './secret.ts';
