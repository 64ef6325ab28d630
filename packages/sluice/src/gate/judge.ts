import { assertNever, type Verdict } from '#kernel';
import type { CoverageEvidence, TestEvidence } from '#report';
import { judgeCoverage } from './coverage-gate.ts';
import type { Doubt, Finding } from './finding.ts';
import { formatOf, type JudgedGate } from './policy.ts';
import type { ReportItem } from './report-item.ts';
import { judgeTests } from './tests-gate.ts';

/**
 * The verdict of a gate over the reports it requires, without its proof. A failure that was seen is a failure, whatever else is missing; any
 * doubt beside it is inconclusive; what is left has passed (I1).
 */
export function evaluate(judged: JudgedGate, items: readonly ReportItem[]): Verdict {
  const relevant = items.filter((item) => item.format === formatOf[judged.gate.kind]);
  const { failures, shortfalls, doubts, fact, evidence } = findingOf(judged, relevant);
  if (failures.length > 0) return { kind: 'fail', because: [...failures, ...shortfalls].join('; '), evidence };
  const incomplete = [...absences(judged, relevant), ...relevant.flatMap(doubtOf), ...relevant.flatMap(halfDone)];
  const [doubt, ...others] = incomplete.length > 0 ? incomplete : shortfalls.length > 0 ? [] : doubts;
  if (doubt !== undefined) {
    const more = others.length === 0 ? '' : `, and ${others.length} more ${others.length === 1 ? 'doubt' : 'doubts'}`;
    return {
      kind: 'inconclusive',
      because: `${doubt.because}${more}`,
      evidence,
      ...(doubt.hint === undefined ? {} : { hint: doubt.hint }),
    };
  }
  if (shortfalls.length > 0) return { kind: 'fail', because: shortfalls.join('; '), evidence };
  return { kind: 'pass', because: fact, evidence };
}

/** A job that did not end well may have reported half of its work. */
function halfDone({ job, jobEnded, outcome }: ReportItem): readonly Doubt[] {
  if (jobEnded === 'well' || outcome.kind !== 'evidence') return [];
  return [{ because: `job "${job}" did not succeed, though its report shows nothing wrong`, hint: 'see the log of the job' }];
}

function findingOf({ gate }: JudgedGate, items: readonly ReportItem[]): Finding {
  const evidence = items.flatMap(({ outcome }) => (outcome.kind === 'evidence' ? [outcome.evidence] : []));
  switch (gate.kind) {
    case 'tests':
      return judgeTests(
        gate,
        evidence.filter((each): each is TestEvidence => each.kind === 'tests'),
      );
    case 'coverage':
      return judgeCoverage(
        gate,
        evidence.filter((each): each is CoverageEvidence => each.kind === 'coverage'),
      );
    default:
      return assertNever(gate);
  }
}

/** A job without an item was forgotten by whoever collected them: that must not look like a job without a failure. */
function absences({ from, gate }: JudgedGate, items: readonly ReportItem[]): readonly Doubt[] {
  if (from.length === 0) return [{ because: 'the gate judges no job' }];
  const missing = from.filter((job) => !items.some((item) => item.job === job));
  return missing.map((job) => ({ because: `job "${job}" left no ${formatOf[gate.kind]} report` }));
}

const hints = {
  missing: 'check where the job writes its report',
  empty: 'check that the job runs any test at all, and where it writes its report',
  unreadable: 'check that the job ended by itself, and in which format it writes its report',
  stale: 'the job did not write it this time: check where it writes its report',
} as const;

function doubtOf({ job, format, outcome }: ReportItem): readonly Doubt[] {
  switch (outcome.kind) {
    case 'evidence': {
      const right = formatOf[outcome.evidence.kind] === format;
      return right ? [] : [{ because: `the ${format} report of job "${job}" is evidence of another kind` }];
    }
    case 'missing':
    case 'empty':
    case 'unreadable':
    case 'stale':
      return [{ because: `job "${job}": ${outcome.message}`, hint: hints[outcome.kind] }];
    default:
      return assertNever(outcome);
  }
}
