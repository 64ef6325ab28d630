import type { Digest } from '#kernel';

/**
 * The ledger's entries: everything that can ever have happened, as facts in the past tense. Wire types are written out here and borrow nothing from other
 * rooms, so that a refactoring cannot change history. No member takes free text of a user, and none takes personal data (I10): people appear by their
 * random reference, reasons as codes with numbers.
 */
export type EntryBodies = {
  readonly 'identity.added': IdentityAddedV1;
  readonly 'register.founded': RegisterFoundedV1;
  readonly 'register.tightened': RegisterTightenedV1;
  readonly 'person.admitted': PersonAdmittedV1;
  readonly 'person.changed': PersonChangedV1;
  readonly 'person.removed': PersonRemovedV1;
  readonly 'machine.admitted': MachineAdmittedV1;
  readonly 'machine.revoked': MachineRevokedV1;
  readonly 'lease.granted': LeaseGrantedV1;
  readonly 'lease.ended': LeaseEndedV1;
  readonly 'run.started': RunStartedV1;
  readonly 'run.finished': RunFinishedV1;
  readonly 'evidence.recorded': EvidenceRecordedV1;
  readonly 'verdict.recorded': VerdictRecordedV1;
  readonly 'release.created': ReleaseCreatedV1;
  readonly 'deployment.requested': DeploymentRequestedV1;
  readonly 'approval.granted': ApprovalGrantedV1;
  readonly 'approval.refused': ApprovalRefusedV1;
  readonly 'deployment.approved': DeploymentApprovedV1;
  readonly 'deployment.steered': DeploymentSteeredV1;
  readonly 'deployment.cancelled': DeploymentCancelledV1;
  readonly 'rollout.started': RolloutStartedV1;
  readonly 'rollout.phase-finished': RolloutPhaseFinishedV1;
  readonly 'rollout.weight-changed': RolloutWeightChangedV1;
  readonly 'rollout.verdict': RolloutVerdictV1;
  readonly 'rollout.reverted': RolloutRevertedV1;
  readonly 'rollout.committed': RolloutCommittedV1;
  readonly 'rollout.finished': RolloutFinishedV1;
  readonly 'revert.journaled': RevertJournaledV1;
  readonly 'rollback.requested': RollbackRequestedV1;
  readonly 'controller.took-over': ControllerTookOverV1;
  readonly 'ledger.key-rotated': LedgerKeyRotatedV1;
};

/** What happened. */
export type EntryType = keyof EntryBodies;

/** What an entry is about. */
export type SubjectKind =
  | 'register'
  | 'person'
  | 'machine'
  | 'lease'
  | 'run'
  | 'release'
  | 'deployment'
  | 'service'
  | 'controller'
  | 'ledger';

/** How it ended. `reverted` is a failure that was taken back safely. */
export type Outcome = 'succeeded' | 'failed' | 'inconclusive' | 'refused' | 'cancelled' | 'reverted';

/** Why, as a code of the room that decided and the numbers and words it decided on; texts for people are made from it when it is shown. */
export type Reason = { readonly code: string; readonly facts: Readonly<Record<string, number | string>> };

/** What every entry says. */
export type EntryHead = {
  /** Version of the body of this type. */
  readonly v: 1;
  /** Index in the log, without gaps: given by the sequencer. */
  readonly seq: number;
  /** Made by the writer; the same event entered twice has the same id. */
  readonly id: string;
  /**
   * When it happened: UTC with six decimals, as RTS 24 wants them. The clock may know fewer; one fixed width keeps times sortable as text and lets a
   * better clock arrive without a new format.
   */
  readonly at: string;
  /** Who did it: `person:<uuid>`, `machine:<uuid>`, `operator` (whoever holds the state folder), or a process of the engine, `controller` or `controller:<id>`. */
  readonly actorRef: string;
  readonly subject: { readonly kind: SubjectKind; readonly id: string; readonly digest: Digest | null };
  readonly env: string | null;
  /** The request that caused it. */
  readonly requestId: string;
  /** The delivery it belongs to, from commit to production. */
  readonly chainId: string;
  readonly inputs: readonly { readonly name: string; readonly digest: Digest }[];
  readonly outcome: Outcome;
  readonly reasons: readonly Reason[];
};

/** One entry of the log. */
export type Entry<T extends EntryType = EntryType> = {
  [K in T]: EntryHead & { readonly type: K; readonly body: EntryBodies[K] };
}[T];

/** An entry before the sequencer gave it an index: what a transaction writes beside its state change (I7). */
export type PendingEntry<T extends EntryType = EntryType> = {
  [K in T]: Omit<EntryHead, 'seq'> & { readonly type: K; readonly body: EntryBodies[K] };
}[T];

type Slot = 'blue' | 'green';

/** A person with a key became known, before changes of the register were signed. No longer written. */
type IdentityAddedV1 = { readonly keyDigest: Digest; readonly functions: readonly string[] };
/** A person as the record knows them: the key that their signatures are checked against, and one digest over all that the register holds of them. */
type PersonOfRecord = {
  readonly personRef: string;
  readonly publicKey: string;
  readonly functions: readonly string[];
  readonly rights: readonly string[];
  readonly memberDigest: Digest;
};
/** A person's signature under a change of the register; it can be checked again from the record alone. */
type ConfirmationOfRecord = { readonly personRef: string; readonly expiresAt: string; readonly signature: string };
/** What every change of the register says: the version it made, and who confirmed it. */
type Confirmed = { readonly register: number; readonly confirmations: readonly ConfirmationOfRecord[] };
/** The first people were named by whoever started the control plane. */
type RegisterFoundedV1 = { readonly register: number; readonly needed: number; readonly founders: readonly PersonOfRecord[] };
/** From now on so many people have to confirm a change of people. */
type RegisterTightenedV1 = { readonly register: number; readonly needed: number };
type PersonAdmittedV1 = Confirmed & { readonly person: PersonOfRecord };
type PersonChangedV1 = Confirmed & { readonly person: PersonOfRecord };
/** The subject is gone; what they signed and was not used counts no more. */
type PersonRemovedV1 = Confirmed;
/** A token for a machine was made; the record knows its digest. */
type MachineAdmittedV1 = Confirmed & {
  readonly name: string;
  readonly rights: readonly string[];
  readonly tokenDigest: Digest;
  readonly expiresAt: string | null;
};
type MachineRevokedV1 = Confirmed;
/** Something may be lower than usual in an environment, until then (I8). */
type LeaseGrantedV1 = Confirmed & { readonly lowers: string; readonly expiresAt: string; readonly reasonDigest: Digest };
type LeaseEndedV1 = Confirmed;
/** A pipeline began on a commit. */
type RunStartedV1 = { readonly pipeline: string; readonly commit: string | null; readonly planDigest: Digest };
/** A pipeline ended. */
type RunFinishedV1 = {
  readonly pipeline: string;
  readonly durationMs: number;
  readonly jobsPassed: number;
  readonly jobsFailed: number;
  readonly jobsSkipped: number;
  readonly jobsCached: number;
};
/** A report was read and kept in the run directory. */
type EvidenceRecordedV1 = {
  readonly job: string;
  readonly format: string;
  readonly reportDigest: Digest;
  readonly counts: Readonly<Record<string, number | string>>;
};
/** A gate judged. Inconclusive is a verdict of its own (I1). */
type VerdictRecordedV1 = {
  readonly gate: string;
  readonly verdict: 'pass' | 'fail' | 'inconclusive';
  readonly verdictDigest: Digest;
  readonly policyDigest: Digest;
  readonly evidence: readonly Digest[];
};
/** An immutable bundle came to be. The subject's digest is the release digest (I5). */
type ReleaseCreatedV1 = {
  readonly version: string;
  readonly commit: string;
  readonly runId: string;
  readonly artifacts: readonly { readonly digest: Digest; readonly service: string }[];
  readonly verdicts: readonly Digest[];
};
/** Somebody asked to take a release to an environment. The subject's digest is the approval subject. */
type DeploymentRequestedV1 = {
  readonly service: string;
  readonly version: string;
  readonly releaseDigest: Digest;
  readonly strategy: string;
  readonly kind: 'release' | 'rollback';
  readonly commit: string | null;
  readonly previousVersion: string | null;
  readonly previousReleaseDigest: Digest | null;
};
/** A person signed for a deployment; the signature can be checked again from the entry and the person's public key. */
type ApprovalGrantedV1 = {
  readonly personRef: string;
  readonly functions: readonly string[];
  readonly subjectDigest: Digest;
  readonly keyDigest: Digest;
  readonly signature: string;
  readonly expiresAt: string;
};
/** An approval was not accepted; the reasons say why. `personRef` is null when nobody known signed. */
type ApprovalRefusedV1 = { readonly personRef: string | null; readonly subjectDigest: Digest };
/** Everything the environment's rule asks for was signed. */
type DeploymentApprovedV1 = { readonly approvals: readonly { readonly function: string; readonly personRef: string }[] };
/** Somebody told a deployment to end, to stay, to go on, or to come again. Why is a digest of words that stay outside (I10). */
type DeploymentSteeredV1 = {
  readonly service: string;
  readonly verb: 'cancel' | 'supersede' | 'promote' | 'hold' | 'resume' | 'abort' | 'again';
  readonly reasonDigest: Digest;
};
/** A deployment ended before it began. */
type DeploymentCancelledV1 = { readonly service: string };
/** The rollout took its epoch and its slot. */
type RolloutStartedV1 = {
  readonly service: string;
  readonly version: string;
  readonly releaseDigest: Digest;
  readonly slot: Slot;
  readonly epoch: number;
};
/** A phase ended; the outcome is the head's. */
type RolloutPhaseFinishedV1 = { readonly service: string; readonly phase: string; readonly durationMs: number };
/** The router took a new weight for the named slot. */
type RolloutWeightChangedV1 = {
  readonly service: string;
  readonly epoch: number;
  readonly slot: Slot;
  readonly fromBp: number;
  readonly toBp: number;
};
/** A watch was judged. */
type RolloutVerdictV1 = {
  readonly service: string;
  readonly phase: string;
  readonly verdict: 'pass' | 'fail' | 'inconclusive';
  readonly samplesNew: number;
  readonly samplesOld: number;
};
/** All traffic is back on the old slot. */
type RolloutRevertedV1 = {
  readonly service: string;
  readonly epoch: number;
  readonly slot: Slot;
  readonly faultAt: string | null;
  readonly decidedAt: string;
  readonly safeAt: string | null;
};
/** The commit point was passed: the old slot may go (I9). */
type RolloutCommittedV1 = { readonly service: string; readonly slot: Slot; readonly releaseDigest: Digest };
/** The rollout ended; the outcome is the head's. */
type RolloutFinishedV1 = {
  readonly service: string;
  readonly version: string;
  readonly previousVersion: string | null;
  readonly durationMs: number;
  readonly healthChecksPassed: boolean;
  readonly rollbackCapable: boolean;
};
/** A revert that the router did and journaled by itself entered the log, late, with its own time (I2, I7). The subject is the service. */
type RevertJournaledV1 = {
  readonly slot: Slot;
  readonly epoch: number;
  readonly happenedAt: string;
  readonly journalDigest: Digest;
  readonly deploymentId: string | null;
};
/** Somebody asked for an earlier release again. */
type RollbackRequestedV1 = { readonly service: string; readonly version: string; readonly releaseDigest: Digest };
/** A live controller took over the work of one that was gone. */
type ControllerTookOverV1 = { readonly fromInstance: string | null; readonly deployments: number };
/** The log's key changed; both keys sign during the overlap. */
type LedgerKeyRotatedV1 = { readonly oldKeyId: string; readonly newKeyId: string; readonly newKeyDigest: Digest };
