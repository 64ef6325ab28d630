import { err, ok, type Result, type Verdict } from '#kernel';
import { evaluate } from './judge.ts';
import type { GatePolicy, JudgedGate } from './policy.ts';
import { formatOf } from './policy.ts';
import { reportOutcome, type ReportItem } from './report-item.ts';

/** How a gate and its reports become a verdict. */
export type Judge = (gate: JudgedGate, items: readonly ReportItem[]) => Verdict;

/** A report with one true finding, as a tool would write it: it goes through the real parser. */
const planted = {
  tests:
    '<testsuites><testcase name="planted, passes"/><testcase name="planted, fails"><failure message="planted"/></testcase></testsuites>',
  coverage: 'TN:\nSF:planted.ts\nDA:1,0\nDA:2,0\nend_of_record\n',
} satisfies Record<GatePolicy['kind'], string>;

/**
 * Whether a gate can say no: a planted failure must fail, planted absence must be inconclusive. A gate that finds neither is void, and
 * what it says about real evidence means nothing.
 */
export function proveGate(gate: JudgedGate, judge: Judge = evaluate): Result<'proven', string> {
  const item = (bytes: Uint8Array | undefined): ReportItem => {
    const format = formatOf[gate.gate.kind];
    const file = bytes === undefined ? undefined : { bytes, modifiedMs: 0 };
    const outcome = reportOutcome({ format, path: 'planted', file, jobStartedMs: undefined });
    return { job: 'planted', jobEnded: 'well', format, outcome };
  };
  const about = { ...gate, from: ['planted'] };
  const failing = judge(about, [item(new TextEncoder().encode(planted[gate.gate.kind]))]);
  if (failing.kind !== 'fail') return err(`a planted failure was judged ${failing.kind}`);
  const missing = judge(about, [item(undefined)]);
  if (missing.kind !== 'inconclusive') return err(`a planted missing report was judged ${missing.kind}`);
  const forgotten = judge(about, []);
  if (forgotten.kind !== 'inconclusive') return err(`planted silence was judged ${forgotten.kind}`);
  return ok('proven');
}

/** The verdict of a gate over the reports it requires. The gate proves itself first, each time; a judge that breaks has judged nothing. */
export function judgeGate(gate: JudgedGate, items: readonly ReportItem[], judge: Judge = evaluate): Verdict {
  try {
    const proof = proveGate(gate, judge);
    if (proof.ok) return judge(gate, items);
    return {
      kind: 'inconclusive',
      because: `the gate is void: ${proof.error}`,
      evidence: [],
      hint: 'a gate that cannot fail cannot pass: check its threshold',
    };
  } catch (error) {
    return {
      kind: 'inconclusive',
      because: `the gate broke while judging: ${error instanceof Error ? error.message : 'it throws'}`,
      evidence: [],
    };
  }
}
