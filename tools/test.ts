/**
 * `npm test`: every test of the repository. Counts come from the JUnit reports, not from what a runner prints,
 * and a suite that leaves no report has failed.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { capture } from './command.ts';
import { countCases, type Count } from './junit-count.ts';

const root = join(import.meta.dirname, '..');
const reports = join(root, 'reports');
const only = process.argv[2];

type Suite = {
  readonly name: string;
  readonly cwd: string;
  readonly program: string;
  readonly args: (report: string) => readonly string[];
};

// A hanging file must end with a report; most of a test here is waiting for the disk and for other processes.
const nodeTest = (files: readonly string[]) => (report: string) => [
  '--test',
  '--test-concurrency=3',
  '--test-timeout=300000',
  '--test-force-exit',
  '--test-reporter=spec',
  '--test-reporter-destination=stdout',
  '--test-reporter=junit',
  `--test-reporter-destination=${report}`,
  ...files,
];

const vitest =
  (project: string, reporter = 'default') =>
  (report: string) => ['run', '--project', project, `--reporter=${reporter}`, '--reporter=junit', `--outputFile.junit=${report}`];

const suites: readonly Suite[] = [
  {
    name: 'architecture',
    cwd: root,
    program: process.execPath,
    args: nodeTest(['tools/arch/layers.test.ts', 'tools/junit-count.test.ts']),
  },
  { name: 'unit', cwd: root, program: 'vitest', args: vitest('unit') },
  {
    name: 'exchange',
    cwd: join(root, 'workloads/exchange'),
    program: process.execPath,
    args: nodeTest(['src/**/*.test.ts', 'test/**/*.test.ts', 'demo/**/*.test.ts']),
  },
  { name: 'attack', cwd: root, program: 'vitest', args: vitest('attack', './tools/attack-reporter.ts') },
  { name: 'system', cwd: root, program: 'vitest', args: vitest('system') },
];

const chosen = suites.filter((suite) => only === undefined || suite.name === only);
if (chosen.length === 0) {
  console.error(`✖ no suite "${only}": there are ${suites.map((suite) => suite.name).join(', ')}`);
  process.exit(2);
}

mkdirSync(reports, { recursive: true });
let passed = 0;
let failed = 0;
let skipped = 0;
const started = performance.now();
for (const suite of chosen) {
  const report = join(reports, `${suite.name}.xml`);
  rmSync(report, { force: true });
  console.log(`── ${suite.name}`);
  const ended = await capture(suite.program, suite.args(report), { cwd: suite.cwd, live: true });
  const count = readCount(report);
  // A runner that ends badly although no case failed (a crash, a leak, an empty run) is one failure more.
  const runnerFailed = count === undefined || count.failed + count.passed === 0 || (ended.code !== 0 && count.failed === 0);
  passed += count?.passed ?? 0;
  skipped += count?.skipped ?? 0;
  failed += (count?.failed ?? 0) + (runnerFailed ? 1 : 0);
  if (runnerFailed)
    console.log(
      `✖ ${suite.name}: the runner ended with exit code ${ended.code} and ${count === undefined ? 'left no readable report' : 'no failed case in its report'}`,
    );
}
console.log(
  `\n${failed === 0 ? '✔' : '✖'} ${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''} in ${((performance.now() - started) / 1_000).toFixed(0)}s`,
);
process.exitCode = failed === 0 ? 0 : 1;

function readCount(path: string): Count | undefined {
  try {
    return countCases(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
