import type { Digest, Result, SluiceError } from '#kernel';
import type { PlannedJob } from '#plan';
import type { AttemptEnd, Failure, ReportFile, UnresolvedEffect } from './job-result.ts';
import type { JournalEntry, RunRecord } from './run-record.ts';

/** One try of a job, as an executor gets it. */
export type AttemptRequest = {
  readonly job: PlannedJob;
  readonly attempt: number;
  /** Absolute; everything the job writes, secrets masked. */
  readonly logFile: string;
  /** What its services tell it, e.g. `DATABASE_URL`. */
  readonly serviceEnv: Readonly<Record<string, string>>;
  /** Only the secrets it named. */
  readonly secrets: Readonly<Record<string, string>>;
  /** When set, output is also handed over as it comes, secrets masked. */
  readonly onOutput?: (bytes: Uint8Array) => void;
};

/** How an attempt ended, and how many processes it left that had to be ended (I13). */
export type AttemptReport = { readonly end: AttemptEnd; readonly leftovers: number };

/** Runs the steps of a job. When `attempt` settles, nothing the job started runs any more. */
export interface Executor {
  attempt(request: AttemptRequest, signal: AbortSignal): Promise<AttemptReport>;
  /** Those of the paths, relative to the project, that do not exist. */
  missing(paths: readonly string[]): readonly string[];
}

/** Services of one job that are ready. `died` settles when one of them ends by itself. */
export type RunningServices = {
  readonly env: Readonly<Record<string, string>>;
  readonly died: Promise<Extract<Failure, { readonly kind: 'service-died' }>>;
  /** Ends them in reverse order of their start. */
  stop(): Promise<void>;
};

/** Starts what runs beside a job. */
export interface ServiceProvider {
  start(
    job: PlannedJob,
    logFile: (service: string) => string,
    signal: AbortSignal,
  ): Promise<Result<RunningServices, Failure | 'cancelled'>>;
}

/** What a cache is asked with: everything of which the result is a function, besides the files. */
export type CacheRequest = {
  readonly job: PlannedJob;
  /** Per needed job: the digest of what it hands on. */
  readonly needs: Readonly<Record<string, Digest>>;
  /** The needed jobs themselves: what they handed on must still be what lies in their outputs. */
  readonly needed: readonly PlannedJob[];
};

/** The answer of a cache. `outputs` is the digest of everything the job hands on. */
export type CacheAnswer =
  | {
      readonly kind: 'hit';
      readonly key: Digest;
      readonly outputs: Digest;
      readonly from: { readonly runId: string; readonly storedAt: string };
      /** Absolute path of the copied log, when it has one. */
      readonly log: string | undefined;
      /** True when every output lay in place already. */
      readonly upToDate: boolean;
    }
  | {
      readonly kind: 'miss';
      readonly ticket: CacheTicket;
      readonly because: string;
      readonly dropped?: string;
      /** Patterns among the inputs that match nothing: nobody knows what the job depends on. */
      readonly unmatched: readonly string[];
    };

/** What was true before the job ran: needed to store its result. */
export type CacheTicket = { readonly key: Digest };

export type StoreRequest = {
  readonly ticket: CacheTicket;
  readonly job: PlannedJob;
  readonly runId: string;
  readonly storedAt: string;
  readonly logFile: string;
};

/** Whether a result was stored, and what it hands on in either case. */
export type StoreAnswer =
  | { readonly kind: 'stored'; readonly outputs: Digest }
  | { readonly kind: 'not-stored'; readonly outputs: Digest; readonly because: string };

/** Results by what they were made from (I12). */
export interface Cache {
  /** Looks for the result of exactly these inputs and puts its outputs in place, all or none; its log is copied to `logFile` when it has one. */
  fetch(request: CacheRequest, logFile: string): Promise<Result<CacheAnswer, SluiceError>>;
  /** Stores a completed success, unless an input changed while the job ran. */
  store(request: StoreRequest): Promise<StoreAnswer>;
  /** The digest of what a job hands on that is not cached itself. */
  outputsOf(job: PlannedJob): Promise<Digest>;
}

/** The name of an effect: the same job of the same plan for the same commit is the same effect. */
export type EffectKey = Pick<UnresolvedEffect, 'planDigest' | 'commit' | 'job'>;

/** An effect, and the run that is at it. */
export type EffectOfRun = EffectKey & { readonly runId: string };

/** Remembers, beyond runs and crashes, how far effects came (I4). Every change is durable before it returns. */
export interface EffectBook {
  /**
   * Records that the effect begins. Refused with what is known when an earlier one is unresolved, or ended and nobody was told, unless it is to be repeated.
   */
  begin(effect: EffectOfRun & { readonly beganAt: string }, repeat: boolean): Promise<Result<void, UnresolvedEffect>>;
  /** Records how it ended, as this run knows it, before anybody is told; an interrupted one stays unresolved, one that was not begun is forgotten. */
  end(effect: EffectOfRun, how: 'passed' | 'failed' | 'interrupted' | 'not-begun'): Promise<void>;
  /** All effects whose end nobody knows. */
  unresolved(): Promise<readonly UnresolvedEffect[]>;
}

/** The directory of one run. */
export interface RunFolder {
  readonly path: string;
  /** The line is safe from the death of this process when this returns, from a power cut after `sync`. Throws when it cannot be written. */
  append(entry: JournalEntry): void;
  sync(): Promise<void>;
  /** Absolute path of a log; `part` is the attempt or the service. */
  logFile(job: string, part: string): string;
  /** Copies the declared reports into the run directory. One older than `since` (epoch milliseconds) is stale. */
  keepReports(job: PlannedJob, since: number): Promise<readonly ReportFile[]>;
  writeRecord(record: RunRecord): Promise<void>;
}
