import { SluiceError } from '#kernel';

/** One mistake in a delivery: where it is, and what is wrong with it, with the way out. */
export type PlanProblem = { readonly path: string; readonly message: string };

/** Takes note of a mistake and goes on: all of them are reported together. */
export type Report = (path: string, message: string) => void;

/** For people: `jobs.bench.needs[0]: no job "compil". Did you mean "compile"?` */
export const problemLine = (problem: PlanProblem): string => `${problem.path === '' ? 'delivery' : problem.path}: ${problem.message}`;

/** All problems as one error that a person will read; `source` is the file they are in. */
export function planError(problems: readonly PlanProblem[], source: string): SluiceError {
  const [first, ...more] = problems.map((problem) => `${source}: ${problemLine(problem)}`);
  return new SluiceError('config', [first ?? `${source}: no plan`, ...more].join('\n'), { details: { problems: problems.length } });
}

/** The path of a member: `jobs.unit`, or `jobs["a b"]` where the name is no plain word. */
export const member = (path: string, key: string): string => {
  if (!/^[A-Za-z_][\w-]*$/.test(key)) return `${path}[${JSON.stringify(key.slice(0, 60))}]`;
  return path === '' ? key : `${path}.${key}`;
};

/** A value in a message: short, and on one line. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'number' || typeof value === 'boolean' || value === null ? String(value) : 'nothing';
}
