import { own, deepFreeze, didYouMean, digestOfJson, err, ok, type Result } from '#kernel';
import type { Delivery, Job } from '#define';
import { checkDelivery } from './checked-delivery.ts';
import { checkOutputs } from './output-conflict.ts';
import { withCell } from './job-rule.ts';
import { cellName, cells, cellVariables, type Cell } from './matrix.ts';
import { closure, inOrder, type Needs } from './order.ts';
import type { Plan, PlannedGate, PlannedJob } from './plan.ts';
import { shown, type PlanProblem } from './problem.ts';
import { normalPath } from './project-path.ts';

/** Which selection of jobs and gates to plan; `default` is everything unless the delivery says otherwise. */
export type PlanOptions = { readonly pipeline?: string };

/** A delivery, validated, with matrices expanded and jobs in order: the same input gives the same plan, to the byte. */
export function plan(value: unknown, { pipeline = 'default' }: PlanOptions = {}): Result<Plan, readonly PlanProblem[]> {
  const checked = checkDelivery(value);
  if (!checked.ok) return checked;
  const delivery = checked.value;
  const selection = own(delivery.pipelines, pipeline);
  if (selection === undefined) {
    const names = Object.keys(delivery.pipelines);
    const guess = didYouMean(pipeline, names) || ` Known: ${names.map(shown).join(', ')}`;
    return err([{ path: 'pipelines', message: `no pipeline ${shown(pipeline)}.${guess}` }]);
  }
  const cellsOf = cellsByJob(delivery);
  const needs: Needs = new Map(Object.entries(delivery.jobs).map(([name, job]) => [name, job.needs]));
  const wanted = closure(selection.jobs, needs);
  const jobs = inOrder(needs)
    .filter((name) => wanted.has(name))
    .flatMap((name) => plannedJobs(name, delivery, cellsOf));
  const conflicts = checkOutputs(jobs);
  if (conflicts.length > 0) return err(conflicts);
  const gates = selection.gates.flatMap((name) => plannedGate(name, delivery, cellsOf));
  const body = { delivery: delivery.name, pipeline, jobs, gates };
  // Each job has a digest over all of it: writing all of them out once more took as long as everything else here.
  const digest = digestOfJson({ ...body, jobs: jobs.map((job) => job.definition) });
  return ok(deepFreeze({ ...body, digest }));
}

type CellsByJob = ReadonlyMap<string, readonly Cell[]>;

const cellsByJob = (delivery: Delivery): CellsByJob =>
  new Map(Object.entries(delivery.jobs).map(([name, job]) => [name, job.matrix === undefined ? [{}] : cells(job.matrix)]));

const namesOf = (job: string, cellsOf: CellsByJob): readonly string[] => (cellsOf.get(job) ?? []).map((cell) => cellName(job, cell));

function plannedJobs(name: string, delivery: Delivery, cellsOf: CellsByJob): readonly PlannedJob[] {
  const job = own(delivery.jobs, name);
  if (job === undefined) return [];
  const needs = job.needs.flatMap((need) => namesOf(need, cellsOf));
  return (cellsOf.get(name) ?? []).map((cell) => plannedJob(job, { job: name, cell, needs }));
}

type Place = { readonly job: string; readonly cell: Cell; readonly needs: readonly string[] };

function plannedJob(definition: Job, { job, cell, needs }: Place): PlannedJob {
  const { matrix: _expanded, ...rest } = definition;
  const body = {
    name: cellName(job, cell),
    job,
    cell,
    ...rest,
    needs,
    env: { ...rest.env, ...cellVariables(cell) },
    inputs: rest.inputs.map((path) => normalPath(withCell(path, cell))),
    outputs: rest.outputs.map((path) => normalPath(withCell(path, cell))),
    reports: rest.reports.map((report) => ({ ...report, path: normalPath(withCell(report.path, cell)) })),
  };
  return { ...body, definition: digestOfJson(body) };
}

function plannedGate(name: string, delivery: Delivery, cellsOf: CellsByJob): readonly PlannedGate[] {
  const gate = own(delivery.gates, name);
  return gate === undefined ? [] : [{ name, gate, from: gate.from.flatMap((job) => namesOf(job, cellsOf)) }];
}
