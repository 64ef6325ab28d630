import { parseReport, type Evidence, type ReportFormat } from '#report';

/** What became of one required report. */
export type ReportOutcome =
  | { readonly kind: 'evidence'; readonly evidence: Evidence }
  /** There is no such file, or its job did not run. */
  | { readonly kind: 'missing'; readonly message: string }
  | { readonly kind: 'empty'; readonly message: string }
  | { readonly kind: 'unreadable'; readonly message: string }
  /** Written before its job began: the evidence of something else. */
  | { readonly kind: 'stale'; readonly message: string };

/**
 * One required report of one job, and what became of it. A job that did not end well may have left the report of half its work, so its
 * report can show a failure, but never the absence of one.
 */
export type ReportItem = {
  readonly job: string;
  readonly jobEnded: 'well' | 'badly';
  readonly format: ReportFormat;
  readonly outcome: ReportOutcome;
};

/** A report as it was found: `file` is undefined when there is none, `jobStartedMs` when its job was restored from the cache. */
export type FoundReport = {
  readonly format: ReportFormat;
  readonly path: string;
  readonly file: { readonly bytes: Uint8Array; readonly modifiedMs: number } | undefined;
  readonly jobStartedMs: number | undefined;
};

/**
 * File systems take the time of a change from the last tick of the kernel, up to 10 ms ago: a file written at once after the start of its job
 * would look older than the job.
 */
const tickMs = 10;

/** Reads a report as it was found. */
export function reportOutcome({ format, path, file, jobStartedMs }: FoundReport): ReportOutcome {
  if (file === undefined) return { kind: 'missing', message: `${path} does not exist` };
  if (jobStartedMs !== undefined && !isFresh(file.modifiedMs, jobStartedMs))
    return { kind: 'stale', message: `${path} is older than the job that should have written it` };
  const parsed = parseReport(format, file.bytes, path);
  return parsed.ok ? { kind: 'evidence', evidence: parsed.value } : parsed.error;
}

/** False also when either time is no number. */
function isFresh(modifiedMs: number, startedMs: number): boolean {
  // Some file systems keep whole seconds only.
  const started = Number.isInteger(modifiedMs / 1_000) ? Math.floor(startedMs / 1_000) * 1_000 : startedMs;
  return modifiedMs >= started - tickMs;
}
