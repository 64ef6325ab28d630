import { coverage, defineDelivery, job, junit, lcov, minutes, percent, tests } from 'sluice';
import { addressOf, folder, get, limit, service } from 'sluice';
import { approvals, blueGreen, environment, errorRate, healthFailures, latency, milliseconds, seconds, step, withoutCanary } from 'sluice';

/** What every job reads. */
const tools = ['scripts', 'package.json', 'tsconfig.json'];

/** A suite of tests and the folders it reads: while they stay the same, its result comes from the cache. */
const suite = (name: string, folders: readonly string[]) => ({
  run: ['node', 'scripts/tests.ts', name] as const,
  inputs: [...tools, ...folders],
  reports: [junit(`reports/${name}.xml`), ...(name.startsWith('unit-') ? [lcov(`reports/${name}.info`)] : [])],
  timeout: minutes(3),
});

/** One order in twenty first: what no test found is taken back before most clients meet it. */
const canary = blueGreen({
  steps: [step(percent(5), seconds(6)), step(percent(50), seconds(6)), step(percent(100), seconds(6))],
  triggers: [
    errorRate({ above: percent(1), for: seconds(1) }),
    latency({ quantile: 'p99', above: milliseconds(150), for: seconds(5) }),
    healthFailures({ inARow: 3 }),
  ],
});

/** Nobody trades in staging: health and smoke checks decide, and the old version need not wait. */
const atOnce = withoutCanary({ watch: seconds(1), keepWarm: seconds(0) });

export default defineDelivery({
  name: 'exchange',
  jobs: {
    compile: job({ run: ['node', 'scripts/compile.ts'], inputs: [...tools, 'src', 'test'], timeout: minutes(2) }),
    'unit-engine': job(suite('unit-engine', ['src/book', 'src/engine', 'src/reconcile', 'src/wire'])),
    'unit-api': job(suite('unit-api', ['src/api', 'src/client', 'src/wire'])),
    property: job(suite('property', ['src/book'])),
    // Engine and api as real processes: only worth the time when the parts are right.
    integration: job({ ...suite('integration', ['src', 'test']), needs: ['compile', 'unit-engine', 'unit-api'] }),
  },
  gates: {
    tests: tests({ from: ['unit-engine', 'unit-api', 'property', 'integration'], minimum: 100 }),
    coverage: coverage({ from: ['unit-engine', 'unit-api'], lines: percent(80) }),
    units: tests({ from: ['unit-engine', 'unit-api', 'property'], minimum: 80 }),
  },
  pipelines: {
    default: { jobs: ['compile', 'unit-engine', 'unit-api', 'property', 'integration'], gates: ['tests', 'coverage'] },
    // For a first look: everything that needs no other process.
    quick: { jobs: ['compile', 'unit-engine', 'unit-api', 'property'], gates: ['units', 'coverage'] },
  },
  services: {
    engine: service({
      files: ['src/engine', 'src/book', 'src/wire', 'package.json'],
      start: ['node', 'src/engine/main.ts'],
      traffic: 'connection',
      env: { JOURNAL_DIR: folder('journal') },
    }),
    api: service({
      files: ['src/api', 'src/wire', 'package.json'],
      start: ['node', 'src/api/main.ts'],
      smoke: [get('/version', { contains: 'api' }), get('/book', { contains: 'bids' })],
      env: { ENGINE_ADDRESS: addressOf('engine'), MAX_ORDER_LOTS: limit(500, 'lots'), REFERENCE_TICKS: '10000', COLLAR_TICKS: '1000' },
    }),
  },
  environments: {
    staging: environment({ services: { engine: { strategy: atOnce }, api: { strategy: atOnce } } }),
    production: environment({
      services: { engine: { strategy: atOnce }, api: { strategy: canary } },
      after: ['staging'],
      approvals: approvals('trading', 'risk'),
    }),
  },
});
