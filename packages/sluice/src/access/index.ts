export { cardOf, personOfCard } from './card.ts';
export type { Card } from './card.ts';
export { changeAuthors, coAuthorEmails, isMachine } from './change-author.ts';
export type { CommitEmails, MachineIdentities } from './change-author.ts';
export { decodeIdentity, encodeIdentity, newIdentity } from './identity-file.ts';
export type { Identity } from './identity-file.ts';
export { asMember, checkMember, memberDigest, membersAsRecorded, recordedPerson } from './member.ts';
export type { Member, RecordedPerson } from './member.ts';
export { admitPerson, emailForm, keyDigestOf, publicKeyOf } from './person.ts';
export type { Person } from './person.ts';
export { actorRefOf, holds, isActorRef } from './principal.ts';
export type { Principal } from './principal.ts';
export {
  confirmationLasts,
  confirmationProblem,
  confirmationsFor,
  countedConfirmations,
  emptyRegister,
  foundRegister,
  leaseLasts,
  leaseNow,
  lowerable,
  rightFor,
  signChange,
  takeStep,
} from './register.ts';
export type {
  Confirmation,
  Lowerable,
  RecordedLease,
  RecordedMachine,
  RecordedRegister,
  RegisterChange,
  RegisterPlace,
  RegisterStep,
} from './register.ts';
export { grantableRights, machineRights, rights } from './right.ts';
export type { GrantableRight, MachineRight, Right } from './right.ts';
export { isApprovalBy, signApproval } from './signature.ts';
export type { ApprovalStatement } from './signature.ts';
export { checkRequest, nonceLasts, requestClaim, signRequest } from './signed-request.ts';
export type { RequestClaim, RequestStatement } from './signed-request.ts';
export { liesOn, secretRefusal, shortRefs } from './trusted-ref.ts';
export type { Grant, SecretUser } from './trusted-ref.ts';
