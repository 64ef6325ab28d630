import { assertNever } from '#kernel';
import type { JobResult, ReportFile, RunResult } from '#run';
import type { Plan } from '#plan';
import { reportOutcome, type ReportItem, type ReportOutcome } from '#gate';

/** Reads a report that the run kept; the path is relative to the run directory. */
export interface ReportReader {
  /** Where jobs saw the project: behind walls it lies elsewhere than outside. Files of reports are told relative to it, so that two jobs that name one file mean one file. */
  readonly roots: readonly string[];
  /** The bytes, or why they cannot be had. */
  read(
    file: string,
  ): Promise<{ readonly kind: 'bytes'; readonly bytes: Uint8Array } | { readonly kind: 'unreadable'; readonly message: string }>;
}

/** Every report that the jobs of a plan declare, with what became of it. A job that left no result at all is missing, not absent. */
export async function collectEvidence(plan: Plan, run: RunResult, reader: ReportReader): Promise<readonly ReportItem[]> {
  const items = plan.jobs.map(async (job) => {
    const result = run.jobs.get(job.name);
    const jobEnded = result !== undefined && (result.kind === 'passed' || result.kind === 'cached') ? 'well' : 'badly';
    const outcomes = job.reports.map(async ({ format, path }): Promise<ReportItem> => {
      const kept = reportsOf(result).find((file) => file.report.format === format && file.report.path === path);
      const outcome =
        kept === undefined ? ({ kind: 'missing', message: `${path}: ${notRun(result)}` } as const) : await outcomeOf(kept, reader);
      return { job: job.name, jobEnded, format, outcome };
    });
    return Promise.all(outcomes);
  });
  return (await Promise.all(items)).flat();
}

const reportsOf = (result: JobResult | undefined): readonly ReportFile[] =>
  result !== undefined && 'reports' in result ? result.reports : [];

const notRun = (result: JobResult | undefined): string =>
  result === undefined
    ? 'its job has no result'
    : `its job was ${result.kind === 'unknown-effect' ? 'not run: its effect has an unknown end' : result.kind}`;

function relativeTo(roots: readonly string[], outcome: ReportOutcome): ReportOutcome {
  if (outcome.kind !== 'evidence' || outcome.evidence.kind !== 'coverage') return outcome;
  const files = outcome.evidence.files.map((file) => {
    const root = roots.find((each) => file.path.startsWith(`${each}/`));
    return root === undefined ? file : { ...file, path: file.path.slice(root.length + 1) };
  });
  return { ...outcome, evidence: { ...outcome.evidence, files } };
}

async function outcomeOf(file: ReportFile, reader: ReportReader): Promise<ReportOutcome> {
  const { path, format } = file.report;
  switch (file.kind) {
    case 'kept': {
      const read = await reader.read(file.file);
      if (read.kind === 'unreadable') return { kind: 'unreadable', message: `${path}: ${read.message}` };
      // Whether it is fresh was decided when it was kept: the copy has a time of its own.
      return relativeTo(reader.roots, reportOutcome({ format, path, file: { bytes: read.bytes, modifiedMs: 0 }, jobStartedMs: undefined }));
    }
    case 'missing':
      return { kind: 'missing', message: `${path} does not exist` };
    case 'stale':
      return { kind: 'stale', message: `${path} was last written at ${file.modifiedAt}, before its job began` };
    case 'unreadable':
      return { kind: 'unreadable', message: `${path}: ${file.because}` };
    default:
      return assertNever(file);
  }
}
