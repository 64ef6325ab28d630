export { changeAuthors, coAuthorEmails, isMachine } from './change-author.ts';
export type { CommitEmails, MachineIdentities } from './change-author.ts';
export { decodeIdentity, encodeIdentity, newIdentity } from './identity-file.ts';
export type { Identity } from './identity-file.ts';
export { admitPerson, emailForm, keyDigestOf, publicKeyOf } from './person.ts';
export type { Person } from './person.ts';
export { isApprovalBy, signApproval } from './signature.ts';
export type { ApprovalStatement } from './signature.ts';
