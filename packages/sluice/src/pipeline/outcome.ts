import { assertNever, worstVerdict, type Digest, type Verdict, type VerdictKind } from '#kernel';
import type { ReportItem } from '#gate';
import { describeFailure, type JobResult, type RunResult } from '#run';

/** One gate's answer, with the digests of what was judged and by which policy. */
export type GateOutcome = {
  readonly gate: string;
  readonly verdict: Verdict;
  /** Digest of the policy: the gate as the plan holds it. */
  readonly policy: Digest;
  /** Digest of verdict, policy and evidence together: what an approval is bound to. */
  readonly digest: Digest;
};

/** What a pipeline came to: the run, what its gates say, and both as one verdict. */
export type PipelineOutcome = {
  readonly run: RunResult;
  /** Every declared report of every job, with what became of it. */
  readonly evidence: readonly ReportItem[];
  readonly gates: readonly GateOutcome[];
  readonly verdict: VerdictKind;
  /** In one line, why it is no pass; the count of gates when it is. */
  readonly because: string;
};

/** Run and gates as one verdict: a failed job fails, an effect of unknown end or a cancelled run decides nothing, and then the worst gate counts. */
export function concludePipeline(run: RunResult, gates: readonly GateOutcome[]): Pick<PipelineOutcome, 'verdict' | 'because'> {
  const failed = gates.find(({ verdict }) => verdict.kind === 'fail');
  switch (run.outcome) {
    case 'failed':
      return { verdict: 'fail', because: failedJob(run) ?? 'a job failed' };
    case 'cancelled':
      return failed === undefined
        ? { verdict: 'inconclusive', because: 'the run was cancelled' }
        : { verdict: 'fail', because: because(failed) };
    case 'unknown-effect':
      return failed === undefined
        ? { verdict: 'inconclusive', because: unknownEffect(run) }
        : { verdict: 'fail', because: because(failed) };
    case 'passed':
      return judged(run, gates);
    default:
      return assertNever(run.outcome);
  }
}

/** Every job said yes: now the gates. Without gates nothing was judged but the exit codes of the jobs, which is what the plan asked for. */
function judged(run: RunResult, gates: readonly GateOutcome[]): Pick<PipelineOutcome, 'verdict' | 'because'> {
  if (run.jobs.size === 0) return { verdict: 'inconclusive', because: 'the pipeline has no job, so nothing was run' };
  if (gates.length === 0) return { verdict: 'pass', because: 'every job succeeded; no gate judged anything' };
  const verdict = worstVerdict(gates.map((gate) => gate.verdict.kind));
  const worst = gates.find((gate) => gate.verdict.kind === verdict);
  const blind = verdict === 'pass' ? inputsUnmatched(run) : undefined;
  if (blind !== undefined) return { verdict: 'inconclusive', because: blind };
  if (verdict === 'pass' || worst === undefined) return { verdict, because: `${gates.length} of ${gates.length} gates pass` };
  return { verdict, because: because(worst) };
}

const because = (gate: GateOutcome): string => `gate ${gate.gate}: ${gate.verdict.because}`;

function failedJob(run: RunResult): string | undefined {
  for (const [name, result] of run.jobs) {
    if (result.kind === 'failed') return `job ${name}: ${describeFailure(result.failure)}`;
  }
  return undefined;
}

/** What a pattern of inputs was meant to name was neither tested nor missed: a gate that passed over it would pass a spelling mistake. */
function inputsUnmatched(run: RunResult): string | undefined {
  for (const [name, result] of run.jobs) {
    if (result.kind !== 'passed' || result.unmatched === undefined) continue;
    const patterns = result.unmatched.map((pattern) => `"${pattern}"`).join(', ');
    return `job ${name}: ${patterns} among its inputs matches no file. Correct it, or leave it out`;
  }
  return undefined;
}

function unknownEffect(run: RunResult): string {
  const found = [...run.jobs].find(
    (entry): entry is [string, Extract<JobResult, { readonly kind: 'unknown-effect' }>] => entry[1].kind === 'unknown-effect',
  );
  return found === undefined ? 'an effect has an unknown end' : `job ${found[0]}: ${found[1].because}`;
}
