export { coAuthorEmails } from '#access';
export type { Asker } from './asker.ts';
export type { ApprovalView, DeployOrder, RevertAnswer, Signature } from './commands.ts';
export { isActive, deploymentKinds } from './deployment.ts';
export { changedRow, problemOfRelease } from './record-agreement.ts';
export type {
  CommitSummary,
  CommitTrust,
  DeclaredOutput,
  Deployment,
  DeploymentEvent,
  DeploymentRequest,
  DeploymentState,
  GateVerdict,
  Predecessor,
  ReleaseRef,
  Wanted,
} from './deployment.ts';
export { startEngine } from './engine.ts';
export { reasonDigest } from './people.ts';
export type { ChangeAnswer, Founder, RegisterView, Submission } from './people.ts';
export { planeOf } from './recorded-register.ts';
export type { Engine, EngineOptions, LedgerHealth, RegisterCommands, ServiceView } from './engine.ts';
export type {
  ArtifactBuilder,
  Commit,
  EnginePorts,
  EnvironmentPorts,
  LedgerFolder,
  LogKeys,
  PipelineOutcome,
  PipelineRunner,
  RecordedEvidence,
  Source,
} from './ports.ts';
export type { ApprovalRecord, ArtifactContents, ChangeRow, LiveRelease, Proposal, ReleasedService, ReleaseRecord } from './records.ts';
export { isRolloutActive } from './rollout-record.ts';
export type { Asked, RolloutRecord } from './rollout-record.ts';
export type { Setback } from './setback-record.ts';
export type { CancelTarget, Place, Steering } from './steering.ts';
export { sequence } from './sequencer.ts';
export type { SequencerEnd, SequencerPorts } from './sequencer.ts';
export type {
  ApprovalStore,
  DeploymentFilter,
  DeploymentStore,
  EntryFilter,
  EntryStore,
  IntegratedBatch,
  LeaseStore,
  LiveStore,
  LogStore,
  NonceStore,
  PersonStore,
  RegisterStore,
  ReleaseStore,
  RevertStore,
  RolloutStore,
  SequencerLease,
  SetbackStore,
  Stale,
  Store,
  StoredCheckpoint,
  StoredEntry,
  Tx,
} from './store.ts';
export { placesBack, placesForward, triggerPoints } from './trigger-points.ts';
export type { Trigger, TriggerPoint } from './trigger-points.ts';
export { grantsOf, notGranted } from './trusted-refs.ts';
