import { digestOfJson } from '#kernel';
import { executePlan, type RunOptions, type RunPorts } from '#run';
import { judgeGate } from '#gate';
import type { Plan, PlannedGate } from '#plan';
import type { ReportItem } from '#gate';
import { collectEvidence, type ReportReader } from './evidence.ts';
import { concludePipeline, type GateOutcome, type PipelineOutcome } from './outcome.ts';

/** What a pipeline needs from the outside. */
export type PipelinePorts = RunPorts & { readonly reports: ReportReader };

/** The story of one pipeline: run the plan, collect what its jobs left, judge it. Gates are judged also when a job failed: a person wants to know both. */
export async function runPipeline(plan: Plan, ports: PipelinePorts, options: RunOptions): Promise<PipelineOutcome> {
  const run = await executePlan(plan, ports, options);
  const evidence = await collectEvidence(plan, run, ports.reports);
  const gates = plan.gates.map((gate) =>
    judge(
      gate,
      evidence.filter((item) => gate.from.includes(item.job)),
    ),
  );
  return { run, evidence, gates, ...concludePipeline(run, gates) };
}

function judge(planned: PlannedGate, items: readonly ReportItem[]): GateOutcome {
  const verdict = judgeGate({ name: planned.name, gate: planned.gate, from: planned.from }, items);
  const policy = digestOfJson({ name: planned.name, gate: planned.gate, from: planned.from });
  return { gate: planned.name, verdict, policy, digest: digestOfJson({ gate: planned.name, verdict, policy }) };
}
