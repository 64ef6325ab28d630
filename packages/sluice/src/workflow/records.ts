import type { Confirmation, Member, RegisterChange } from '#access';
import type { Service } from '#define';
import type { Isolation, Digest } from '#kernel';
import type { Approval, GeneratedOutput, ReleaseBundle } from '#release';
import type { Slot } from '#rollout';
import type { CommitSummary, GateVerdict, TrustScope } from './deployment.ts';

/** One service of a release: its definition as of the commit, and what runs. */
export type ReleasedService = {
  readonly definition: Service;
  readonly artifact: Digest;
  /** Where the archive lies for targets to read. */
  readonly archive: string;
  /** Digest of the program that `start` resolves to. */
  readonly executable: Digest;
  /** Absent in releases of before it was told. */
  readonly contents?: ArtifactContents;
};

/** What an artifact is made of: so many files that are the commit's, byte for byte, and what jobs made, output by output. */
export type ArtifactContents = { readonly tracked: number; readonly generated: readonly GeneratedOutput[] };

/** An immutable bundle and where it came from. */
export type ReleaseRecord = {
  readonly digest: Digest;
  readonly version: string;
  readonly commit: CommitSummary;
  readonly pipeline: string;
  readonly run: string;
  readonly services: Readonly<Record<string, ReleasedService>>;
  /** What the digest is over. */
  readonly bundle: ReleaseBundle;
  readonly verdicts: readonly GateVerdict[];
  /** Where it was made: one of the open scope is made again before a commit on a protected ref counts on it. Absent in releases of before it was told. */
  readonly scope?: TrustScope;
  /** In which its jobs ran: one made without a sandbox is made again, where there is one, before an environment that asks for approvals takes it. Absent in releases of before it was told. */
  readonly isolation?: Isolation;
  readonly createdAt: string;
};

/** A release that is or was live. */
export type LiveRelease = {
  readonly environment: string;
  readonly service: string;
  readonly release: Digest;
  readonly version: string;
  readonly deployment: string;
  readonly slot: Slot;
  readonly since: string;
  readonly until?: string;
};

/** A signature over an approval subject, checked before it is stored. */
export type ApprovalRecord = Approval & { readonly at: string };

/** A change of the register with what the record must not hold of it. `reason` is of a lease; its salt makes the digest in the record tell nothing. */
export type Proposal = {
  readonly change: RegisterChange;
  readonly member?: Member;
  readonly reason?: { readonly text: string; readonly salt: string };
  readonly proposedBy: string;
  readonly confirmations: readonly Confirmation[];
};

/** A proposal as it is stored; `at` in epoch milliseconds. */
export type ChangeRow = {
  readonly number: number;
  readonly state: 'waiting' | 'applied' | 'refused';
  readonly version: number;
  readonly proposal: Proposal;
  readonly at: number;
};
