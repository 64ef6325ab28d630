import { err, ok, type Result } from '#kernel';
import type { Delivery, Job } from '#define';
import { deliveryShape } from './delivery-shape.ts';
import { checkJob } from './job-rule.ts';
import { jobShape } from './job-shape.ts';
import { member, type PlanProblem, type Report } from './problem.ts';
import { checkReferences } from './reference.ts';
import { isRecord } from './shape.ts';
import { snapshot } from './snapshot.ts';

/** After so many mistakes the next ones only push the first out of sight. */
const mostProblems = 50;

/**
 * Whether a value, wherever it comes from, is a delivery that can be planned and rolled out. JavaScript users have no compiler, and a
 * configuration is a program that may export anything: all mistakes are reported together, and nothing the value does can throw out of here.
 */
export function checkDelivery(value: unknown): Result<Delivery, readonly PlanProblem[]> {
  const problems: PlanProblem[] = [];
  const report: Report = (path, message) => void problems.push({ path, message });
  const data = snapshot(value, report);
  // What could not be read was left out of the copy: looking on would only report the holes.
  if (problems.length > 0) return err(shortened(problems));
  deliveryShape(data, '', report);
  if (isRecord(data)) {
    checkReferences(data, report);
    checkJobs(data['jobs'], report);
  }
  return problems.length > 0 ? err(shortened(problems)) : ok(data as Delivery);
}

/** Rules between the parts of a job hold only for jobs whose parts are right; a mistake in one job hides none in another. */
function checkJobs(jobs: unknown, report: Report): void {
  if (!isRecord(jobs)) return;
  for (const [name, job] of Object.entries(jobs)) {
    const wrong: string[] = [];
    jobShape(job, '', (path) => wrong.push(path));
    if (wrong.length === 0) checkJob(job as Job, member('jobs', name), report);
  }
}

function shortened(problems: readonly PlanProblem[]): readonly PlanProblem[] {
  if (problems.length <= mostProblems) return problems;
  return [...problems.slice(0, mostProblems), { path: '', message: `and ${problems.length - mostProblems} more problems` }];
}
