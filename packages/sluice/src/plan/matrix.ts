import type { Matrix } from '#define';
import { mostAxes } from '#kernel';
import { matrixVariable } from './job-shape.ts';
import type { Report } from './problem.ts';

/** The values of one job of a matrix, by axis, in the order in which the axes were declared. */
export type Cell = Readonly<Record<string, string | number>>;

/** More jobs than this come from a slip of the pen, and would drown everything else. */
const mostCells = 256;

/** The name of a cell of a job: `unit (node=24, os=linux)`. */
export const cellName = (job: string, cell: Cell): string => {
  const values = Object.entries(cell).map(([axis, value]) => `${axis}=${value}`);
  return values.length === 0 ? job : `${job} (${values.join(', ')})`;
};

/** The variables in which a job finds its cell. */
export const cellVariables = (cell: Cell): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(cell).map(([axis, value]) => [matrixVariable(axis), String(value)]));

/** Every combination of the axes, without those that an `exclude` describes, and with those an `include` adds. */
export function cells(matrix: Matrix): readonly Cell[] {
  return [...combinations(matrix).filter((cell) => !matrix.exclude.some((out) => matches(cell, out))), ...matrix.include];
}

/** Whether a matrix has more cells than anybody should wait for: counted, because such a list may not fit into memory. */
export const tooLarge = (matrix: Matrix): boolean => size(matrix) > mostCells;

function size(matrix: Matrix): number {
  const axes = Object.values(matrix.axes).map((values) => values.length);
  return matrix.include.length + (axes.length === 0 ? 0 : axes.reduce((product, values) => product * values, 1));
}

/** Reports what would make a matrix run something else than its author meant. */
export function checkMatrix(matrix: Matrix, path: string, report: Report): void {
  if (tooLarge(matrix)) return report(path, `${size(matrix)} jobs; at most ${mostCells}`);
  const all = combinations(matrix);
  matrix.exclude.forEach((out, at) => {
    if (!all.some((cell) => matches(cell, out))) report(`${path}.exclude[${at}]`, 'there is no such combination to leave out');
  });
  const kept = cells(matrix);
  if (kept.length === 0) report(path, 'leaves no job at all');
  const seen = new Set<string>();
  for (const cell of kept) {
    if (Object.keys(cell).length > mostAxes) return report(path, `more than ${mostAxes} axes`);
    const name = cellName('', cell);
    if (seen.has(name)) report(path, `the same job twice:${name}`);
    seen.add(name);
  }
  const axes = new Set([...Object.keys(matrix.axes), ...matrix.include.flatMap((cell) => Object.keys(cell))]);
  const variables = [...axes].map(matrixVariable);
  variables.forEach((name, at) => variables.indexOf(name) < at && report(path, `two axes share the variable ${name}`));
}

function combinations(matrix: Matrix): readonly Cell[] {
  const axes = Object.entries(matrix.axes);
  if (axes.length === 0) return [];
  return axes.reduce<readonly Cell[]>(
    (all, [axis, values]) => all.flatMap((cell) => values.map((value) => ({ ...cell, [axis]: value }))),
    [{}],
  );
}

const matches = (cell: Cell, part: Cell): boolean =>
  Object.entries(part).every(([axis, value]) => Object.hasOwn(cell, axis) && String(cell[axis]) === String(value));
