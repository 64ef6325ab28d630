import { didYouMean, err, ok, type Result } from '#kernel';
import type { Plan } from './plan.ts';
import { shown, type PlanProblem } from './problem.ts';

/** Why a job is in a plan, and what hangs on it. Every name is that of a planned job, every list in the order of the plan. */
export type Explanation = {
  readonly job: string;
  /** From this job to one that nothing else needs: each is there because the next one needs it, the last because the pipeline asks for it. */
  readonly because: readonly string[];
  readonly needs: readonly string[];
  readonly neededBy: readonly string[];
  /** Gates that read its reports. */
  readonly judgedBy: readonly string[];
};

/** Why a job runs; a job of a matrix answers to its own name (`unit (node=24)`), or to that of the matrix when it has one cell. */
export function explain(plan: Plan, name: string): Result<Explanation, PlanProblem> {
  const cells = plan.jobs.filter((job) => job.job === name);
  const found = plan.jobs.find((job) => job.name === name) ?? (cells.length === 1 ? cells[0] : undefined);
  if (found === undefined) {
    const candidates = cells.length > 0 ? cells.map((cell) => cell.name) : plan.jobs.map((job) => job.name);
    const hint =
      cells.length > 0
        ? ` Choose one of ${candidates.map(shown).join(', ')}`
        : didYouMean(name, candidates) || ` Known: ${candidates.map(shown).join(', ')}`;
    return err({ path: 'jobs', message: `no job ${shown(name)} in pipeline ${shown(plan.pipeline)}.${hint}` });
  }
  const users = (job: string): readonly string[] => plan.jobs.filter((each) => each.needs.includes(job)).map((each) => each.name);
  const because = [found.name];
  for (let [next] = users(found.name); next !== undefined; [next] = users(next)) because.push(next);
  return ok({
    job: found.name,
    because,
    needs: plan.jobs.filter((each) => found.needs.includes(each.name)).map((each) => each.name),
    neededBy: users(found.name),
    judgedBy: plan.gates.filter((gate) => gate.from.includes(found.name)).map((gate) => gate.name),
  });
}
