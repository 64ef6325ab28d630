import type { Service } from '#define';
import type { Clock, Digest, Ids, Isolation, Result, SluiceError } from '#kernel';
import type { LogFile, NoteSigner, TreeHead, VerifierKey } from '#ledger';
import type { MetricSource, Router, Target } from '#rollout';
import type { CommitTrust, DeclaredOutput, GateVerdict } from './deployment.ts';
import type { ArtifactContents } from './records.ts';
import type { Store } from './store.ts';

/** A commit, with the people who made it: an approver may be none of them. */
export type Commit = {
  readonly sha: string;
  readonly subject: string;
  readonly tags: readonly string[];
  readonly authorEmail: string;
  readonly committerEmail: string;
  /** E-mails of `Co-authored-by` and other lines that name who else wrote it. */
  readonly coAuthorEmails: readonly string[];
};

/** Where commits come from. */
export interface Source {
  resolve(ref: string): Promise<Result<Commit, SluiceError>>;
  /** Commits reachable from `to` and not from `from`, newest first; all of them without `from`. Refused where one of them may be missing. */
  between(from: string | undefined, to: string): Promise<Result<readonly Commit[], SluiceError>>;
  /** The full names of all refs that hold a commit: `refs/heads/main`. */
  refsOf(sha: string): Promise<Result<readonly string[], SluiceError>>;
  /** The full names of the branch that counts where a definition names none; empty when the repository names none. */
  defaultRefs(): Promise<Result<readonly string[], SluiceError>>;
  /** The files of a commit in a folder of their own; the same commit again is the same files. All or nothing. */
  checkout(sha: string, folder: string): Promise<Result<void, SluiceError>>;
}

/** A report that a pipeline's gates judged. */
export type RecordedEvidence = {
  readonly job: string;
  readonly format: string;
  readonly reportDigest: Digest;
  readonly counts: Readonly<Record<string, number | string>>;
};

/** What a pipeline came to. */
export type PipelineOutcome = {
  readonly run: string;
  readonly plan: Digest;
  /** Epoch milliseconds. */
  readonly startedAt: number;
  readonly durationMs: number;
  readonly jobs: { readonly passed: number; readonly failed: number; readonly skipped: number; readonly cached: number };
  readonly evidence: readonly RecordedEvidence[];
  readonly verdict: 'pass' | 'fail' | 'inconclusive';
  readonly because: string;
  readonly verdicts: readonly GateVerdict[];
  /** The services that the commit itself defines. Environments, and with them protections, come from the engine's own configuration, never from a commit. */
  readonly services: Readonly<Record<string, Service>>;
  /** Outputs that the jobs of the plan declare. */
  readonly outputs?: readonly DeclaredOutput[];
  /** In which the jobs ran. */
  readonly isolation?: Isolation;
};

/** Runs pipelines. The run directory holds the detail; the same run again resumes it, or starts it over when nothing had effects outside. */
export interface PipelineRunner {
  run(order: {
    readonly run: string;
    readonly commit: Commit;
    readonly folder: string;
    readonly pipeline: string;
    /** Where the commit lies: what it is given, and where its results are kept, depends on it. */
    readonly trust: CommitTrust;
    readonly protectedRefs: readonly string[];
    readonly signal: AbortSignal;
  }): Promise<Result<PipelineOutcome, SluiceError>>;
}

/**
 * Packs what a service runs. The same files give the same archive, byte for byte. What is packed is the commit's own, compared with the commit, or lies
 * below a declared output and is named as such; anything else is refused with its path.
 */
export interface ArtifactBuilder {
  build(order: {
    readonly name: string;
    readonly service: Service;
    readonly folder: string;
    /** The commit whose files lie in the folder: its full id. */
    readonly commit: string;
    readonly outputs: readonly DeclaredOutput[];
    readonly signal: AbortSignal;
  }): Promise<Result<{ readonly artifact: Digest; readonly archive: string; readonly contents?: ArtifactContents }, SluiceError>>;
}

/** Where an environment's services run and what splits their traffic. */
export type EnvironmentPorts = { readonly target: Target; readonly router: Router; readonly metrics: MetricSource };

/** The log's name and keys. */
export type LogKeys = { readonly origin: string; readonly signers: readonly NoteSigner[]; readonly verifiers: readonly VerifierKey[] };

/** The log's files beside the database: what auditors copy, and what keeps a restored backup from being signed. */
export interface LedgerFolder {
  /** What was last signed, kept apart from the database. */
  lastSigned(): Promise<Result<TreeHead | undefined, SluiceError>>;
  noteSigned(head: TreeHead): Promise<void>;
  /** Files in their order, each durable, then the checkpoint, then what nobody needs any more is removed. */
  write(files: readonly LogFile[], checkpoint: string | undefined, superseded: readonly string[]): Promise<void>;
  /** Of these paths the ones that are not there. */
  missing(paths: readonly string[]): Promise<readonly string[]>;
}

/** Everything the engine needs of the world. */
export type EnginePorts = {
  readonly store: Store;
  readonly source: Source;
  readonly pipelines: PipelineRunner;
  readonly artifacts: ArtifactBuilder;
  /** The ports of an environment, by its name. */
  readonly environment: (name: string) => EnvironmentPorts;
  readonly keys: LogKeys;
  readonly ledgerFolder: LedgerFolder;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Folder for checkouts of runs. */
  readonly checkoutFolder: (run: string) => string;
  /** How definitions, jobs and instances of commits are kept to themselves here. */
  readonly isolation: Isolation;
};
