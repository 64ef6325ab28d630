import { percent, type Verdict } from '#kernel';
import { judgeGate, reportOutcome } from '#gate';

/** What a gate of at least `minimum` tests says of a report that its job wrote and ended well. */
export function judgeReport(report: string | Uint8Array, minimum = 1): Verdict {
  const bytes = typeof report === 'string' ? new TextEncoder().encode(report) : report;
  const outcome = reportOutcome({ format: 'junit', path: 'reports/unit.xml', file: { bytes, modifiedMs: 5_000 }, jobStartedMs: 5_000 });
  const gate = { name: 'tests', gate: { kind: 'tests', minimum, maximumSkipped: percent(10) }, from: ['unit'] } as const;
  return judgeGate(gate, [{ job: 'unit', format: 'junit', outcome, jobEnded: 'well' }]);
}
