import { assertNever, formatDuration, type Digest } from '#kernel';
import type { PlannedJob } from '#plan';

type ReportDeclaration = PlannedJob['reports'][number];

/** Why an attempt of a job said no. `step` counts from 1. */
export type Failure =
  | { readonly kind: 'exit-code'; readonly code: number; readonly step: number }
  | { readonly kind: 'signal'; readonly signal: string; readonly step: number }
  | { readonly kind: 'timeout'; readonly afterMs: number; readonly step: number }
  | { readonly kind: 'not-started'; readonly because: string }
  | { readonly kind: 'secret-missing'; readonly secret: string }
  | { readonly kind: 'service-not-ready'; readonly service: string; readonly because: string; readonly tail: string }
  | { readonly kind: 'service-died'; readonly service: string; readonly because: string; readonly tail: string }
  | { readonly kind: 'output-missing'; readonly paths: readonly string[] }
  | { readonly kind: 'outputs-unusable'; readonly because: string }
  | { readonly kind: 'log-lost'; readonly because: string };

/** One try of a job, kept with its own log. */
export type Attempt = {
  readonly number: number;
  /** Relative to the run directory; not there when the attempt wrote nothing. */
  readonly log: string;
  readonly durationMs: number;
  readonly end: AttemptEnd;
};

/** How one try ended. `tail` is the end of its log, secrets masked. */
export type AttemptEnd =
  | { readonly kind: 'succeeded' }
  | { readonly kind: 'failed'; readonly failure: Failure; readonly tail: string }
  | { readonly kind: 'cancelled' };

/** What became of a declared report. Kept ones are copies in the run directory, `file` relative to it. */
export type ReportFile =
  | { readonly kind: 'kept'; readonly report: ReportDeclaration; readonly file: string; readonly digest: Digest }
  | { readonly kind: 'missing'; readonly report: ReportDeclaration }
  | { readonly kind: 'stale'; readonly report: ReportDeclaration; readonly modifiedAt: string }
  | { readonly kind: 'unreadable'; readonly report: ReportDeclaration; readonly because: string };

/** A recorded effect that is not to be repeated without a word: nobody knows its end, or nobody was told of it. */
export type UnresolvedEffect = {
  readonly planDigest: Digest;
  readonly commit: string;
  readonly job: string;
  /** The run that began it. */
  readonly runId: string;
  readonly beganAt: string;
  /** `running`: that run is still at it. `interrupted`: it was cut off. `lost`: the run died. `passed`, `failed`: it ended so, and the run died before it told. */
  readonly state: 'running' | 'interrupted' | 'lost' | 'passed' | 'failed';
};

/** What became of a job. */
export type JobResult =
  | {
      readonly kind: 'passed';
      readonly durationMs: number;
      /** More than one means that it passed only on a later attempt. */
      readonly attempts: readonly Attempt[];
      readonly reports: readonly ReportFile[];
      /** Patterns among its inputs that matched nothing; absent when all did. */
      readonly unmatched?: readonly string[];
    }
  | {
      readonly kind: 'cached';
      readonly key: Digest;
      /** The run whose result this is, and when it was stored. */
      readonly from: { readonly runId: string; readonly storedAt: string };
      readonly durationMs: number;
      /** Log of the original run, relative to this run's directory, when it had one. */
      readonly log: string | undefined;
      readonly reports: readonly ReportFile[];
    }
  | { readonly kind: 'confirmed'; readonly because: string }
  | {
      readonly kind: 'failed';
      readonly failure: Failure;
      readonly tail: string;
      readonly durationMs: number;
      readonly attempts: readonly Attempt[];
      readonly reports: readonly ReportFile[];
    }
  | { readonly kind: 'skipped'; readonly because: string }
  | { readonly kind: 'cancelled'; readonly because: string; readonly attempts: readonly Attempt[] }
  | { readonly kind: 'unknown-effect'; readonly effect: UnresolvedEffect; readonly because: string };

/** Whether what needs this job may go on. */
export const succeeded = (result: JobResult): boolean =>
  result.kind === 'passed' || result.kind === 'cached' || result.kind === 'confirmed';

/** Whether nothing that depends on this may start, and with fail-fast nothing at all. A cancelled job is no failure of its own. */
export const isFailure = (result: JobResult): boolean => result.kind === 'failed' || result.kind === 'unknown-effect';

/** One clear line for people. */
export function describeFailure(failure: Failure): string {
  switch (failure.kind) {
    case 'exit-code':
      return `step ${failure.step} ended with exit code ${failure.code}`;
    case 'signal':
      return `step ${failure.step} was ended by ${failure.signal}`;
    case 'timeout':
      return `step ${failure.step} was stopped: the job took longer than its timeout of ${formatDuration(failure.afterMs)}`;
    case 'not-started':
      return `could not be started: ${failure.because}`;
    case 'secret-missing':
      return `secret "${failure.secret}" is not set`;
    case 'service-not-ready':
      return `service "${failure.service}" did not get ready: ${failure.because}`;
    case 'service-died':
      return `service "${failure.service}" died while the job ran: ${failure.because}`;
    case 'output-missing':
      return `ended well, but did not make its output ${failure.paths.map((path) => `"${path}"`).join(', ')}`;
    case 'outputs-unusable':
      return `ended well, but what it made cannot be handed on: ${failure.because}`;
    case 'log-lost':
      return `its log could not be written: ${failure.because}`;
    default:
      return assertNever(failure);
  }
}
