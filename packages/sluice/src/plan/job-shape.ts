import { wholeName } from '#kernel';
import { names } from './name.ts';
import { shown, type Report } from './problem.ts';
import { pathProblem, type PathUse } from './project-path.ts';
import { anyText, duration, isRecord, list, object, oneOf, record, text, variant, whole, yesOrNo, type Rule } from './shape.ts';

const kind: Rule = text();

/** A line for a shell, or a program with its arguments. */
const stepShape: Rule = (value, path, report) => {
  if (typeof value === 'string') return command(value, path, report);
  if (!Array.isArray(value)) return report(path, `expected a command, got ${shown(value)}`);
  value.forEach((part, at) => (at === 0 ? text() : anyText)(part, `${path}[${at}]`, report));
  const program: unknown = value[0];
  if (value.length === 0) report(path, 'the command is empty');
  // ['npm ci', 'npm test'] was meant as two commands; run as it stands, it would look for a program called "npm ci".
  else if (typeof program === 'string' && /^[^/]*\s/.test(program) && program.trim() !== '')
    report(`${path}[0]`, `${shown(program)} is no program. For several commands write steps('…', '…')`);
  value.forEach((part, at) => typeof part === 'string' && noPlaceholder(part, `${path}[${at}]`, report));
};

const command = (value: string, path: string, report: Report): void => {
  text()(value, path, report);
  noPlaceholder(value, path, report);
};

function noPlaceholder(value: string, path: string, report: Report): void {
  const found = /\$\{\{?\s*matrix\.([\w-]+)/.exec(value);
  if (found !== null) report(path, `matrix values reach a command as environment variables. Write $${matrixVariable(found[1] ?? '')}`);
}

/** The variable in which a job finds its value of an axis: `MATRIX_NODE`. */
export const matrixVariable = (axis: string): string => `MATRIX_${axis.toUpperCase().replaceAll('-', '_')}`;

const pathShape =
  (use: PathUse): Rule =>
  (value, path, report) => {
    const problem = typeof value === 'string' ? pathProblem(value, use) : `expected a path, got ${shown(value)}`;
    if (problem !== undefined) report(path, typeof value === 'string' ? `${shown(value)}: ${problem}` : problem);
  };

/** A pattern of files of the project. */
export const globShape: Rule = pathShape('glob');

const readyFields = { kind: { rule: kind }, timeout: { rule: duration() }, interval: { rule: duration() } };
const readinessShape: Rule = variant('port(…), url(…), succeeds(…) or logLine(…)', {
  port: object('port(…)', { ...readyFields, port: { rule: whole(1, 65_535) } }),
  url: object('url(…)', { ...readyFields, url: { rule: text({ pattern: /^https?:\/\/\S+$/, what: 'an address (http://…)' }) } }),
  command: object('succeeds(…)', { ...readyFields, command: { rule: stepShape } }),
  'log-line': object('logLine(…)', { ...readyFields, contains: { rule: text() } }),
});

const variablesShape: Rule = record(names.variable, anyText);
const jobServiceShape: Rule = variant('postgres() or command({ … })', {
  postgres: object('postgres()', {
    kind: { rule: kind },
    database: { rule: text({ pattern: /^[a-z_][a-z0-9_]{0,62}$/, what: 'a name for a database: small letters, digits and "_"' }) },
    env: { rule: text(names.variable) },
    timeout: { rule: duration() },
  }),
  command: object('command({ … })', {
    kind: { rule: kind },
    command: { rule: stepShape, written: 'run' },
    env: { rule: variablesShape },
    ready: { rule: readinessShape },
  }),
});

const causeShape: Rule = variant("exitCode(…), 'signal' or 'timeout'", {
  'exit-code': object('exitCode(…)', { kind: { rule: kind }, codes: { rule: list(whole(1, 255), 'some') } }),
  signal: object("'signal'", { kind: { rule: kind } }),
  timeout: object("'timeout'", { kind: { rule: kind } }),
});

const retryShape: Rule = (value, path, report) => {
  object('{ attempts, on }', { attempts: { rule: whole(1, 10) }, on: { rule: list(causeShape) } })(value, path, report);
  if (
    isRecord(value) &&
    typeof value['attempts'] === 'number' &&
    value['attempts'] > 1 &&
    Array.isArray(value['on']) &&
    value['on'].length === 0
  )
    report(`${path}.on`, 'name what makes another attempt worth while: exitCode(…), "signal" or "timeout"');
};

const axisWord = wholeName('axisValue');
const axisValue: Rule = (value, path, report) => {
  const right = typeof value === 'number' ? Number.isFinite(value) : typeof value === 'string' && axisWord.test(value);
  if (!right) report(path, `expected a number or a short word of letters, digits and "_.+:-", got ${shown(value)}`);
};
const cellShape: Rule = record(names.axis, axisValue);
const matrixShape: Rule = object('{ axis: […] }', {
  axes: { rule: record(names.axis, list(axisValue, 'some')) },
  exclude: { rule: list(cellShape) },
  include: { rule: list(cellShape) },
});

/** A job as `job({ … })` makes it. */
export const jobShape: Rule = object('job({ … })', {
  steps: { rule: runShape, written: 'run' },
  needs: { rule: list(text()) },
  env: { rule: variablesShape },
  secrets: { rule: list(text(names.variable)) },
  services: { rule: record(names.thing, jobServiceShape) },
  inputs: { rule: list(globShape) },
  outputs: { rule: list(pathShape('made')) },
  reports: {
    rule: list(object('junit(…) or lcov(…)', { format: { rule: oneOf(['junit', 'lcov']) }, path: { rule: pathShape('made') } })),
  },
  timeout: { rule: duration() },
  budget: { rule: duration(), optional: true },
  retry: { rule: retryShape },
  matrix: { rule: matrixShape, optional: true },
  effect: { rule: yesOrNo },
  network: { rule: oneOf(['none', 'loopback', 'full']), optional: true },
});

/** The user wrote `run`, mostly a single command: the path of a mistake follows what was written. */
function runShape(value: unknown, path: string, report: Report): void {
  if (Array.isArray(value) && value.length === 1) stepShape(value[0], path, report);
  else list(stepShape, 'some')(value, path, report);
}
