import type { Job } from '#define';
import { cells, checkMatrix, tooLarge } from './matrix.ts';
import { matrixVariable } from './job-shape.ts';
import { member, shown, type Report } from './problem.ts';
import { pathProblem } from './project-path.ts';

/** Reports what is right in each part of a job, but not together. */
export function checkJob(job: Job, path: string, report: Report): void {
  if (job.effect) checkEffect(job, path, report);
  if (job.network !== undefined && job.network !== 'full' && Object.keys(job.services).length > 0)
    report(`${path}.network`, `a job with services reaches them over the machine's loopback interface. Leave network out, or write 'full'`);
  if (job.budget !== undefined && job.budget > job.timeout) report(`${path}.budget`, 'longer than the timeout, so it would never be told');
  if (job.matrix !== undefined) checkMatrix(job.matrix, `${path}.matrix`, report);
  checkVariables(job, path, report);
  if (job.matrix === undefined || !tooLarge(job.matrix)) checkPlaceholders(job, path, report);
}

/** I4, I12: what happened outside is in no cache, and cannot be made undone by trying again. */
function checkEffect(job: Job, path: string, report: Report): void {
  if (job.inputs.length > 0) report(`${path}.inputs`, 'a job with an effect outside is never cached. Leave the inputs out');
  if (job.outputs.length > 0)
    report(
      `${path}.outputs`,
      'a job with an effect outside is never cached, so nothing brings these back. Make them in a job of their own',
    );
  if (job.retry.attempts > 1) report(`${path}.retry`, 'a job with an effect outside is never repeated by itself. Leave retry out');
}

function checkVariables(job: Job, path: string, report: Report): void {
  const given = new Map<string, string>();
  const take = (name: string, by: string, where: string): void => {
    const other = given.get(name);
    if (other === undefined) given.set(name, by);
    else report(where, `${name} is already given by ${other}`);
  };
  for (const axis of axesOf(job)) given.set(matrixVariable(axis), 'the matrix');
  for (const name of Object.keys(job.env)) take(name, 'env', member(`${path}.env`, name));
  job.secrets.forEach((name, at) => take(name, 'a secret', `${path}.secrets[${at}]`));
  for (const [name, service] of Object.entries(job.services))
    if (service.kind === 'postgres') take(service.env, `service ${shown(name)}`, `${member(`${path}.services`, name)}.env`);
}

const axesOf = (job: Job): readonly string[] =>
  job.matrix === undefined
    ? []
    : [...new Set([...Object.keys(job.matrix.axes), ...job.matrix.include.flatMap((cell) => Object.keys(cell))])];

function checkPlaceholders(job: Job, path: string, report: Report): void {
  const all = job.matrix === undefined ? [{}] : cells(job.matrix);
  const paths = [
    ...job.inputs.map((each, at) => ({ each, use: 'glob' as const, where: `${path}.inputs[${at}]` })),
    ...job.outputs.map((each, at) => ({ each, use: 'made' as const, where: `${path}.outputs[${at}]` })),
    ...job.reports.map((each, at) => ({ each: each.path, use: 'made' as const, where: `${path}.reports[${at}].path` })),
  ];
  for (const { each, use, where } of paths) {
    if (!each.includes('${')) continue;
    // The first cell that cannot fill it tells enough.
    for (const cell of all) {
      const problem = each.replace(placeholder, (whole, axis: string) => (Object.hasOwn(cell, axis) ? '' : whole)).includes('${')
        ? 'every ${matrix.…} must name an axis of this job'
        : pathProblem(withCell(each, cell), use);
      if (problem === undefined) continue;
      report(where, `${shown(each)}: ${problem}`);
      break;
    }
  }
}

const placeholder = /\$\{matrix\.([\w-]+)\}/g;

/** A path with the values of a cell in the place of `${matrix.<axis>}`. */
export const withCell = (path: string, cell: Readonly<Record<string, string | number>>): string =>
  path.replace(placeholder, (whole, axis: string) => (Object.hasOwn(cell, axis) ? String(cell[axis]) : whole));
