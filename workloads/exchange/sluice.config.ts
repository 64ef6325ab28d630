import { coverage, defineDelivery, job, junit, lcov, minutes, percent, tests } from 'sluice';
import { addressOf, folder, get, service } from 'sluice';
import { approvals, blueGreen, environment, errorRate, healthFailures, latency, milliseconds, seconds, step, withoutCanary } from 'sluice';

const inputs = ['src', 'test', 'scripts', 'package.json', 'tsconfig.json'];

const suite = (name: string, reads = inputs) =>
  job({
    needs: ['compile'],
    run: ['node', 'scripts/tests.ts', name],
    inputs: reads,
    reports: [junit(`reports/${name}.xml`), ...(name === 'unit' ? [lcov('reports/coverage.info')] : [])],
    timeout: minutes(3),
  });

/** One order in twenty first: what no test found is taken back before most clients meet it. */
const canary = blueGreen({
  steps: [step(percent(5), seconds(8)), step(percent(50), seconds(8)), step(percent(100), seconds(8))],
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
    compile: job({ run: ['node', 'scripts/compile.ts'], inputs, timeout: minutes(2) }),
    unit: suite('unit'),
    // The properties are those of the book alone: a change of anything else is answered from the cache.
    property: suite('property', ['src/book', 'scripts', 'package.json', 'tsconfig.json']),
    integration: suite('integration'),
  },
  gates: {
    tests: tests({ from: ['unit', 'property', 'integration'], minimum: 100 }),
    coverage: coverage({ from: ['unit'], lines: percent(80) }),
    units: tests({ from: ['unit', 'property'], minimum: 80 }),
  },
  pipelines: {
    default: { jobs: ['compile', 'unit', 'property', 'integration'], gates: ['tests', 'coverage'] },
    // For a first look: everything that needs no other process.
    quick: { jobs: ['unit', 'property'], gates: ['units', 'coverage'] },
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
      env: { ENGINE_ADDRESS: addressOf('engine'), MAX_ORDER_LOTS: '500', REFERENCE_TICKS: '10000', COLLAR_TICKS: '1000' },
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
