/** Runs the named suites, each with a JUnit report, unit tests with LCOV besides: `node scripts/tests.ts unit-api property`. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

const suites = {
  'unit-engine': 'src/{book,engine,reconcile,wire}/!(*.property).test.ts',
  'unit-api': 'src/{api,client}/*.test.ts',
  property: 'src/**/*.property.test.ts',
  integration: 'test/**/*.test.ts',
  patches: 'demo/*.test.ts',
} as const;

const isSuite = (name: string): name is keyof typeof suites => name in suites;
const reporter = (name: string, destination: string): readonly string[] => [
  `--test-reporter=${name}`,
  `--test-reporter-destination=${destination}`,
];

function run(suite: keyof typeof suites): number {
  const coverage = suite.startsWith('unit-') ? ['--experimental-test-coverage', ...reporter('lcov', `reports/${suite}.info`)] : [];
  const reports = [...reporter('spec', 'stdout'), ...reporter('junit', `reports/${suite}.xml`), ...coverage];
  // Three files at a time: most of a test is waiting for the disk and for other processes.
  // A test that hangs is a failure with a report, not a run without an end.
  const args = ['--test', '--test-concurrency=3', '--test-timeout=120000', '--test-force-exit', ...reports, suites[suite]];
  const { NODE_TEST_CONTEXT: _outer, ...env } = process.env; // with it, a run inside a test would skip everything and be green
  return spawnSync(process.execPath, args, { cwd: join(import.meta.dirname, '..'), env, stdio: 'inherit' }).status ?? 1;
}

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !isSuite(name));
if (unknown !== undefined || asked.length === 0) {
  console.error(`tests: expected ${Object.keys(suites).join(', ')}, got ${unknown ?? 'nothing'}`);
  process.exitCode = 2;
} else {
  mkdirSync(join(import.meta.dirname, '..', 'reports'), { recursive: true });
  process.exitCode = Math.max(...asked.filter(isSuite).map(run));
}
