export { approvalLasts, approvalState, countApprovals, judgeApproval } from './approval.ts';
export type {
  Approval,
  ApprovalQuestion,
  ApprovalRefusal,
  ApprovalRefusalCode,
  ApprovalRule,
  ApprovalState,
  GivenApproval,
} from './approval.ts';
export { approvalKind, approvalSubject, approvalText, approvedCommits } from './approval-subject.ts';
export type { ApprovalSubject, ApprovedCommit, ApprovedCommits, ApprovedRelease } from './approval-subject.ts';
export { releaseDigest } from './bundle.ts';
export type { BundledArtifact, GeneratedOutput, ReleaseBundle } from './bundle.ts';
export { changeLine, describeChange } from './change.ts';
export type { Change, LimitChange } from './change.ts';
export { mayDeliver } from './confinement.ts';
export type { Delivered, Delivering } from './confinement.ts';
export { assignFunctions } from './function-assignment.ts';
export type { FunctionAssignment } from './function-assignment.ts';
export { mayEnter, mayRollBackTo } from './protection.ts';
export type { LiveRecord, RollbackAnswer } from './protection.ts';
