import { deepFreeze, minutes, seconds, type Duration, type Network } from '#kernel';
import { fill, isRecord } from './filled.ts';

/** One step: a line for `sh -c`, written in the definition, or a program with its arguments, run as they stand. */
export type Step = string | readonly [program: string, ...args: string[]];

/** A file a job leaves behind, in a standard format, that is read as evidence. */
export type ReportDeclaration = { readonly format: 'junit' | 'lcov'; readonly path: string };

/** What makes another attempt worth while. A job that said no with another exit code is not asked again. */
export type RetryCause =
  | { readonly kind: 'exit-code'; readonly codes: readonly number[] }
  | { readonly kind: 'signal' }
  | { readonly kind: 'timeout' };

/** Up to `attempts` in all, and only for the named causes. */
export type RetryPolicy = { readonly attempts: number; readonly on: readonly RetryCause[] };

/** How one sees that a job's service is ready. First look at once, then every `interval` (25 ms unless told). */
export type Readiness = (
  | { readonly kind: 'port'; readonly port: number }
  | { readonly kind: 'url'; readonly url: string }
  | { readonly kind: 'command'; readonly command: Step }
  | { readonly kind: 'log-line'; readonly contains: string }
) & { readonly timeout: Duration; readonly interval: Duration };

/** A process that runs while a job runs: a PostgreSQL of its own (`DATABASE_URL` is given to the job), or any command. */
export type JobService =
  | { readonly kind: 'postgres'; readonly database: string; readonly env: string; readonly timeout: Duration }
  | { readonly kind: 'command'; readonly command: Step; readonly env: Readonly<Record<string, string>>; readonly ready: Readiness };

/** Axes and the cells to leave out or add; each cell becomes one job. */
export type Matrix = {
  readonly axes: Readonly<Record<string, readonly (string | number)[]>>;
  readonly exclude: readonly Readonly<Record<string, string | number>>[];
  readonly include: readonly Readonly<Record<string, string | number>>[];
};

/** One unit of work of a pipeline, as plain data with every default filled in. */
export type Job = {
  readonly steps: readonly Step[];
  readonly needs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Names of secrets; only these reach the job. */
  readonly secrets: readonly string[];
  readonly services: Readonly<Record<string, JobService>>;
  /** Globs relative to the project; without any the job is never cached. */
  readonly inputs: readonly string[];
  /** Files or folders relative to the project that the job makes, restored on a cache hit. */
  readonly outputs: readonly string[];
  readonly reports: readonly ReportDeclaration[];
  readonly timeout: Duration;
  readonly budget?: Duration;
  readonly retry: RetryPolicy;
  readonly matrix?: Matrix;
  /** True when the job changes something outside of this machine's project folder: never cached, never repeated silently. */
  readonly effect: boolean;
  /** What the job can connect to where it runs in a sandbox; `full` without it. */
  readonly network?: Network;
};

/** A job that names the jobs it needs in its type, so that the delivery can check them. */
export type JobNeeding<Needs extends string> = Omit<Job, 'needs'> & { readonly needs: readonly Needs[] };

/** Several steps, one after the other, each only when the one before succeeded; made by `steps`. */
export type Steps = { readonly kind: 'steps'; readonly steps: readonly Step[] };

/** What a user writes for a job; everything but `run` has a safe default. */
export type JobInput<Needs extends string> = {
  /** A line for `sh -c`, a program with its arguments (`['node', '--test']`), or several of those: `steps('npm ci', 'npm test')`. */
  readonly run: Step | Steps;
  /** Jobs that must succeed first. */
  readonly needs?: readonly Needs[];
  /** Variables of the job; nothing else but `PATH` and a few of its kind is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  /** Names of the secrets this job may see; it gets no other. */
  readonly secrets?: readonly string[];
  /** What runs beside the job, ready before its first step: `{ db: postgres() }`. */
  readonly services?: Readonly<Record<string, JobService>>;
  /** Everything the result depends on, as globs; with them the job is cached, without them it always runs. */
  readonly inputs?: readonly string[];
  /** Files or folders that the job makes, brought back on a cache hit. */
  readonly outputs?: readonly string[];
  /** Reports the job leaves behind: `[junit('reports/unit.xml'), lcov('reports/unit.info')]`. */
  readonly reports?: readonly ReportDeclaration[];
  /** The job is stopped, and failed, after this; ten minutes unless told. */
  readonly timeout?: Duration;
  /** How long the job should take: more is reported, and fails nothing. */
  readonly budget?: Duration;
  /** How often to try in all, and after what: `{ attempts: 3, on: ['timeout', exitCode(75)] }`. Without it a failure is final. */
  readonly retry?: { readonly attempts: number; readonly on: readonly (RetryCause | 'signal' | 'timeout')[] };
  /**
   * One job per cell: `{ node: ['24', '26'] }`, with `exclude` and `include` for cells to leave out or add. The values reach the job as
   * environment variables (`MATRIX_NODE`), never by text put into a command, where a value could become code. In the paths of outputs and
   * reports, which are no code, `${matrix.node}` stands for the value.
   */
  readonly matrix?: MatrixInput;
  /** True when the job changes something outside of the project folder: it is never cached, never tried again, never repeated silently. */
  readonly effect?: boolean;
  /**
   * What the job can connect to where it runs in a sandbox: `none`, what it listens on itself (`loopback`), or whatever the machine can reach (`full`, unless told).
   * A job with services reaches them over the machine's loopback interface, and so needs `full`.
   */
  readonly network?: Network;
};

type Cell = Readonly<Record<string, string | number>>;

/** Axes beside the two words `exclude` and `include`, as in GitHub Actions. */
export type MatrixInput = {
  readonly [axis: string]: readonly (string | number)[] | readonly Cell[];
} & { readonly exclude?: readonly Cell[]; readonly include?: readonly Cell[] };

/** One unit of work: commands, what they need, what they leave behind. */
export function job<const Needs extends string = never>(input: JobInput<Needs>): JobNeeding<Needs> {
  const filled: unknown = fill(input, {
    needs: [],
    env: {},
    secrets: [],
    services: {},
    inputs: [],
    outputs: [],
    reports: [],
    timeout: minutes(10),
    retry: { attempts: 1, on: [] },
    effect: false,
  });
  if (!isRecord(filled)) return filled as JobNeeding<Needs>;
  const { run, matrix, retry, ...rest } = filled;
  return deepFreeze({
    ...rest,
    steps: stepsOf(run),
    retry: withCauses(retry),
    ...(matrix === undefined ? {} : { matrix: matrixOf(matrix) }),
  }) as JobNeeding<Needs>;
}

/** Several steps of one job, one after the other. */
export const steps = (first: Step, ...more: readonly Step[]): Steps => deepFreeze({ kind: 'steps', steps: [first, ...more] });

/** Another attempt is worth while after these exit codes. */
export const exitCode = (code: number, ...more: readonly number[]): RetryCause => deepFreeze({ kind: 'exit-code', codes: [code, ...more] });

/** A JUnit report: test cases, counted one by one. */
export const junit = (path: string): ReportDeclaration => deepFreeze({ format: 'junit', path });

/** An LCOV report: which lines were executed. */
export const lcov = (path: string): ReportDeclaration => deepFreeze({ format: 'lcov', path });

/** A PostgreSQL of the job's own, empty, gone afterwards; its address is in `DATABASE_URL`. */
export const postgres = (
  input: { readonly database?: string; readonly env?: string; readonly timeout?: Duration } = {},
): Extract<JobService, { readonly kind: 'postgres' }> =>
  deepFreeze(fill(input, { kind: 'postgres', database: 'test', env: 'DATABASE_URL', timeout: seconds(30) }));

/** Any program that runs while the job runs, ended with it. */
export const command = (input: {
  readonly run: Step;
  readonly ready: Readiness;
  readonly env?: Readonly<Record<string, string>>;
}): Extract<JobService, { readonly kind: 'command' }> => {
  const filled: unknown = fill(input, { kind: 'command', env: {} });
  if (!isRecord(filled)) return filled as Extract<JobService, { readonly kind: 'command' }>;
  const { run, ...rest } = filled;
  return deepFreeze({ ...rest, command: run }) as Extract<JobService, { readonly kind: 'command' }>;
};

function stepsOf(run: unknown): unknown {
  if (isRecord(run) && run['kind'] === 'steps') return run['steps'];
  // A flat list of texts is one program with its arguments, as everywhere else. What is neither is named by the plan, with its path.
  return run === undefined ? undefined : [run];
}

function withCauses(retry: unknown): unknown {
  if (!isRecord(retry) || !Array.isArray(retry['on'])) return retry;
  return { ...retry, on: retry['on'].map((cause: unknown) => (typeof cause === 'string' ? { kind: cause } : cause)) };
}

function matrixOf(matrix: unknown): unknown {
  if (!isRecord(matrix)) return matrix;
  const { exclude = [], include = [], ...axes } = matrix;
  return { axes, exclude, include };
}
