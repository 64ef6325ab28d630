import type { Service } from '#define';
import type { Isolation, Digest, WireError } from '#kernel';

/** What is asked for: a commit by one of its names, or a release that exists already. */
export type Wanted =
  | { readonly kind: 'ref'; readonly ref: string }
  | { readonly kind: 'release'; readonly release: Digest }
  /** An earlier release again; `approvedBefore` when it was live in this environment, so that nobody has to sign anew. */
  | { readonly kind: 'rollback'; readonly release: Digest; readonly approvedBefore: boolean };

/** Why a deployment exists; never changes. */
export type DeploymentRequest = {
  readonly id: string;
  readonly service: string;
  readonly environment: string;
  readonly wanted: Wanted;
  readonly pipeline: string;
  /** `person:<reference>` or `controller`. */
  readonly requestedBy: string;
  readonly requestId: string;
  /** Names the whole delivery, over its services and environments. */
  readonly chainId: string;
  readonly requestedAt: string;
  /** The deployment that has to be through first: services that others call go first. */
  readonly after?: string;
  /** Somebody knows that this release was taken back here, and says why it shall come again. */
  readonly again?: { readonly reason: string };
};

/**
 * What a commit is trusted with, settled before its pipeline runs: one on a protected ref is given secrets and writes what all read; any other reads from there and
 * writes apart. Absent in rows of before it was told: then it is open.
 */
export type TrustScope = 'protected' | 'open';

/** Where a commit lies, as the serving repository has it now, and what that is worth by the serving definition. */
export type CommitTrust = {
  /** Full names. */
  readonly refs: readonly string[];
  /** On a protected ref: it gets secrets that are granted, and writes the cache that all read. */
  readonly isProtected: boolean;
};

/** A commit as people see it. */
export type CommitSummary = { readonly sha: string; readonly subject: string; readonly tags: readonly string[] };

/** A release as a deployment refers to it. */
export type ReleaseRef = { readonly digest: Digest; readonly version: string; readonly commit: string };

/** One gate's answer as a deployment keeps it. */
export type GateVerdict = {
  readonly gate: string;
  readonly kind: 'pass' | 'fail' | 'inconclusive';
  readonly because: string;
  readonly digest: Digest;
  readonly policy: Digest;
  readonly evidence: readonly Digest[];
};

/** An output as the plan that ran declares it: only what lies below one may be in an artifact without being in the commit. */
export type DeclaredOutput = { readonly job: string; readonly path: string };

/** The rollout whose end a cleared deployment waits for; `keepsWarm` is the version it was asked to let go, absent when it is on its way out already. */
export type Predecessor = { readonly rollout: string; readonly version: string; readonly keepsWarm?: string };

/** Where a deployment stands. Each state holds what exists in it and nothing else. */
export type DeploymentState =
  | { readonly kind: 'queued'; readonly after: string }
  | { readonly kind: 'requested' }
  | { readonly kind: 'running'; readonly commit: CommitSummary; readonly run: string; readonly scope?: TrustScope }
  | {
      readonly kind: 'judged';
      readonly commit: CommitSummary;
      readonly run: string;
      readonly scope?: TrustScope;
      readonly verdicts: readonly GateVerdict[];
      readonly services: Readonly<Record<string, Service>>;
      /** Absent in rows of before outputs were kept. */
      readonly outputs?: readonly DeclaredOutput[];
      /** In which its jobs ran. */
      readonly isolation?: Isolation;
    }
  | { readonly kind: 'released'; readonly release: ReleaseRef }
  | {
      readonly kind: 'waiting-approval';
      readonly release: ReleaseRef;
      readonly subject: Digest;
      readonly missing: readonly string[];
      /** Absent in rows from before it was kept. */ readonly since?: string;
    }
  | {
      readonly kind: 'approved';
      readonly release: ReleaseRef;
      readonly subject: Digest;
      readonly behind?: Predecessor;
      /** What has to come true before it may enter. */ readonly awaits?: string;
    }
  | { readonly kind: 'rolling-out'; readonly release: ReleaseRef; readonly rollout: string }
  | { readonly kind: 'live'; readonly release: ReleaseRef; readonly rollout: string; readonly at: string }
  | { readonly kind: 'skipped'; readonly release: ReleaseRef; readonly because: string }
  | { readonly kind: 'reverted'; readonly release: ReleaseRef; readonly rollout: string; readonly because: string; readonly at: string }
  | { readonly kind: 'failed'; readonly error: WireError; readonly at: string }
  | { readonly kind: 'cancelled'; readonly by: string; readonly because: string; readonly at: string };

/** What can happen to a deployment. */
export type DeploymentEvent =
  | { readonly type: 'predecessor-through' }
  | { readonly type: 'run-started'; readonly commit: CommitSummary; readonly run: string; readonly scope: TrustScope }
  | {
      readonly type: 'run-passed';
      readonly verdicts: readonly GateVerdict[];
      readonly services: Readonly<Record<string, Service>>;
      readonly outputs?: readonly DeclaredOutput[];
      /** In which its jobs ran. */
      readonly isolation?: Isolation;
    }
  | { readonly type: 'release-ready'; readonly release: ReleaseRef }
  | { readonly type: 'unchanged'; readonly because: string }
  | { readonly type: 'approval-needed'; readonly subject: Digest; readonly missing: readonly string[]; readonly at: string }
  | { readonly type: 'approval-given'; readonly missing: readonly string[] }
  | { readonly type: 'cleared'; readonly subject: Digest }
  | { readonly type: 'held-up'; readonly because: string }
  | { readonly type: 'slot-taken'; readonly behind: Predecessor }
  | { readonly type: 'rollout-started'; readonly rollout: string }
  | { readonly type: 'rollout-committed'; readonly at: string }
  | { readonly type: 'rollout-reverted'; readonly because: string; readonly at: string }
  | { readonly type: 'failed'; readonly error: WireError; readonly at: string }
  | { readonly type: 'cancelled'; readonly by: string; readonly because: string; readonly at: string };

/** The kinds of a deployment's state, in the order of a delivery that goes well, ends last. */
export const deploymentKinds = [
  'queued',
  'requested',
  'running',
  'judged',
  'released',
  'waiting-approval',
  'approved',
  'rolling-out',
  'live',
  'skipped',
  'reverted',
  'failed',
  'cancelled',
] as const satisfies readonly DeploymentState['kind'][];

/** A deployment as it is stored; `version` is the row's, and an update names the one it read. `owner` is the controller that drives it. */
export type Deployment = {
  readonly request: DeploymentRequest;
  readonly state: DeploymentState;
  readonly version: number;
  readonly owner?: string;
};

/** True while a deployment holds its service and environment: until then a second one is refused. */
export const isActive = (state: DeploymentState): boolean => !['live', 'skipped', 'reverted', 'failed', 'cancelled'].includes(state.kind);
