export { addressFile, readAddress } from './address-file.ts';
export { controlApi } from './api.ts';
export { readApprovalDocument } from './approval-document.ts';
export { ControlClient } from './client.ts';
export type { ControlAddress } from './client.ts';
export type {
  AboutWire,
  ApprovalView,
  CheckpointWire,
  DeploymentWire,
  PersonWire,
  ProofWire,
  SlotWire,
  StatusWire,
  TimelineLine,
} from './schema.ts';
export { ServedEngine } from './served-engine.ts';
export type { ServedPorts } from './served-engine.ts';
