import { closure, type Needs } from './order.ts';
import type { PlannedJob } from './plan.ts';
import { member, shown, type PlanProblem } from './problem.ts';
import { overlap } from './project-path.ts';

type Made = { readonly job: PlannedJob; readonly path: string; readonly where: string };

/**
 * Two jobs that may run at the same time must not make the same file: whichever ends last would decide, and a cache would keep the mixture.
 * Jobs of which one needs the other may; so may one job twice (a report in an output folder).
 */
export function checkOutputs(jobs: readonly PlannedJob[]): readonly PlanProblem[] {
  const made = jobs.flatMap(pathsOf).toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const needs: Needs = new Map(jobs.map((job) => [job.name, job.needs]));
  const before = new Map<string, ReadonlySet<string>>();
  const reaches = (from: string, to: string): boolean => {
    const known = before.get(from) ?? closure(needs.get(from) ?? [], needs);
    before.set(from, known);
    return known.has(to);
  };
  // One problem for each place in the definition: all pairs of a large matrix would say the same thing.
  const problems = new Map<string, PlanProblem>();
  made.forEach((one, at) => {
    for (const other of made.slice(at + 1)) {
      // Sorted: what lies in a folder follows it, though `a.txt` and `a-b` may stand between `a` and `a/b`.
      if (!other.path.startsWith(one.path)) break;
      if (!overlap(one.path, other.path) || one.job === other.job) continue;
      if (reaches(one.job.name, other.job.name) || reaches(other.job.name, one.job.name)) continue;
      if (!problems.has(other.where)) problems.set(other.where, { path: other.where, message: conflict(one, other) });
    }
  });
  return [...problems.values()];
}

function conflict(one: Made, other: Made): string {
  const what = one.path === other.path ? shown(one.path) : `${shown(other.path)}, in ${shown(one.path)},`;
  if (one.job.job === other.job.job) {
    const [axis = 'axis'] = Object.keys(one.job.cell);
    return `${what} is made by each job of the matrix. Put \${matrix.${axis}} into the path`;
  }
  return `${what} is also made by job ${shown(one.job.name)}, and they may run at the same time. Add needs, or choose another path`;
}

const pathsOf = (job: PlannedJob): readonly Made[] => [
  ...job.outputs.map((path, at) => ({ job, path, where: `${member('jobs', job.job)}.outputs[${at}]` })),
  ...job.reports.map((report, at) => ({ job, path: report.path, where: `${member('jobs', job.job)}.reports[${at}].path` })),
];
