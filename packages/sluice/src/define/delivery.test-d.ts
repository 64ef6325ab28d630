import { expectTypeOf } from 'expect-type';
import {
  addressOf,
  approvals,
  blueGreen,
  coverage,
  defineDelivery,
  environment,
  errorRate,
  exitCode,
  folder,
  grant,
  http,
  job,
  junit,
  lcov,
  minutes,
  percent,
  postgres,
  seconds,
  service,
  step,
  steps,
  tests,
  type Delivery,
  type Job,
  type Service,
} from './index.ts';

// A right delivery compiles, and is plain data.
const exchange = defineDelivery({
  name: 'exchange',
  jobs: {
    compile: job({ run: 'tsc --noEmit', inputs: ['src/**', 'test/**'], timeout: minutes(1) }),
    unit: job({
      needs: ['compile'],
      run: ['node', '--test'],
      reports: [junit('reports/unit.xml'), lcov('reports/unit.info')],
      matrix: { node: ['24', '26'], os: ['linux'], exclude: [{ node: '24' }] },
      retry: { attempts: 3, on: ['timeout', 'signal', exitCode(75)] },
    }),
    integration: job({ needs: ['compile', 'unit'], run: steps('npm run migrate', ['node', '--test']), services: { db: postgres() } }),
  },
  gates: { tests: tests({ from: ['unit', 'integration'], minimum: 40 }), coverage: coverage({ from: ['unit'], lines: percent(80) }) },
  pipelines: { quick: { jobs: ['unit'], gates: ['tests'] } },
  services: {
    engine: service({
      start: ['node', 'src/engine/main.ts'],
      files: ['src/engine/**'],
      traffic: 'connection',
      env: { JOURNAL: folder('journal') },
    }),
    api: service({
      start: ['node', 'src/api/main.ts'],
      files: ['src/api/**'],
      env: { ENGINE_ADDRESS: addressOf('engine'), MODE: 'paper' },
      health: http('/health'),
    }),
  },
  environments: {
    staging: environment({ services: { engine: {}, api: {} } }),
    production: environment({
      after: ['staging'],
      approvals: approvals('trading', 'risk'),
      services: {
        engine: { env: { PEER: addressOf('api') } },
        api: {
          strategy: blueGreen({ steps: [step(percent(5), seconds(10))], triggers: [errorRate({ above: percent(5), for: minutes(2) })] }),
        },
      },
    }),
  },
});
expectTypeOf(exchange).toEqualTypeOf<Delivery>();
expectTypeOf(job({ run: 'true' })).toExtend<Job>();
expectTypeOf(service({ start: ['node'], files: [], env: { A: addressOf('b') } })).toExtend<Service>();
defineDelivery({ name: 'nothing yet' });

// A job may need only jobs of the delivery, and never itself.
defineDelivery({
  name: 'wrong needs',
  jobs: {
    compile: job({ run: 'true' }),
    // @ts-expect-error no job "compil"
    unit: job({ needs: ['compil'], run: 'true' }),
    // @ts-expect-error a job cannot need itself
    itself: job({ needs: ['itself'], run: 'true' }),
    // @ts-expect-error one of two is wrong
    both: job({ needs: ['compile', 'unti'], run: 'true' }),
  },
});

// A gate judges jobs of the delivery.
defineDelivery({
  name: 'wrong from',
  jobs: { unit: job({ run: 'true' }) },
  gates: {
    right: tests({ from: ['unit'] }),
    // @ts-expect-error no job "unti"
    tests: tests({ from: ['unti'] }),
    // @ts-expect-error no job "compile"
    coverage: coverage({ from: ['unit', 'compile'], lines: percent(80) }),
  },
});
// @ts-expect-error without jobs there is nothing to judge
defineDelivery({ name: 'no jobs', gates: { tests: tests({ from: ['unit'] }) } });

// A pipeline selects jobs and gates of the delivery.
defineDelivery({
  name: 'wrong selection',
  jobs: { unit: job({ run: 'true' }) },
  gates: { tests: tests({ from: ['unit'] }) },
  pipelines: {
    // @ts-expect-error no job "unti"
    quick: { jobs: ['unti'], gates: ['tests'] },
    // @ts-expect-error no gate "test"
    full: { jobs: ['unit'], gates: ['test'] },
  },
});

// A service has the address of services of the delivery, and not its own.
defineDelivery({
  name: 'wrong address',
  services: {
    engine: service({ start: ['node'], files: [] }),
    // @ts-expect-error no service "engin"
    api: service({ start: ['node'], files: [], env: { MODE: 'paper', ENGINE: addressOf('engin') } }),
    // @ts-expect-error its own address
    gateway: service({ start: ['node'], files: [], env: { SELF: addressOf('gateway') } }),
  },
});

// An environment runs services of the delivery, after environments of the delivery.
defineDelivery({
  name: 'wrong environment',
  services: { api: service({ start: ['node'], files: [] }), engine: service({ start: ['node'], files: [] }) },
  environments: {
    staging: environment({ services: { api: {} } }),
    // @ts-expect-error no service "apo"
    test: environment({ services: { apo: {} } }),
    // @ts-expect-error one of two is wrong
    paper: environment({ services: { api: {}, engin: {} } }),
    // @ts-expect-error no environment "stagin"
    production: environment({ after: ['stagin'], services: { api: {} } }),
    // @ts-expect-error after itself
    itself: environment({ after: ['itself'], services: { api: {} } }),
    // @ts-expect-error no service "engine2" behind the address
    addressed: environment({ services: { api: { env: { ENGINE: addressOf('engine2') } } } }),
  },
});

// Approvals are functions of people, at least one; never a bare list.
// @ts-expect-error nobody
approvals();
// @ts-expect-error not a list
environment({ services: {}, approvals: ['trading'] });
// @ts-expect-error not a number of people
environment({ services: {}, approvals: approvals(2) });

// Durations and shares carry their unit.
// @ts-expect-error a bare number
job({ run: 'true', timeout: 60 });
// @ts-expect-error a share is not a duration
job({ run: 'true', timeout: percent(5) });
// @ts-expect-error a bare number
coverage({ from: ['unit'], lines: 80 });
// @ts-expect-error a duration is not a share
step(seconds(5), seconds(5));
// @ts-expect-error a bare number
errorRate({ above: 0.05, for: minutes(2) });

// Unknown keys and wrong shapes do not compile.
// @ts-expect-error did you mean timeout
job({ run: 'true', tiemout: minutes(1) });
// @ts-expect-error no command
job({ needs: [] });
// @ts-expect-error no program
service({ start: [], files: [] });
// @ts-expect-error a line is not a program with its arguments
service({ start: 'node main.ts', files: [] });
// @ts-expect-error a report is made by junit() or lcov()
job({ run: 'true', reports: ['reports/unit.xml'] });
// @ts-expect-error no such cause
job({ run: 'true', retry: { attempts: 2, on: ['failure'] } });
// @ts-expect-error no such key
defineDelivery({ name: 'x', job: {} });

// Plain objects are checked in the same way, at the very word.
defineDelivery({
  name: 'plain',
  jobs: {
    compile: { run: 'true' },
    unit: { run: 'true', needs: ['compile'] },
    // @ts-expect-error no job "compil"
    bench: { run: 'true', needs: ['compil'] },
    // @ts-expect-error did you mean needs
    lint: { run: 'true', neds: ['compile'] },
    // @ts-expect-error no command
    empty: { needs: ['compile'] },
    // @ts-expect-error a bare number
    slow: { run: 'true', timeout: 60 },
  },
  services: {
    engine: { start: ['node'], files: ['src/**'] },
    api: { start: ['node'], files: ['src/**'], env: { ENGINE: addressOf('engine') } },
    // @ts-expect-error no service "engin"
    gateway: { start: ['node'], files: ['src/**'], env: { ENGINE: addressOf('engin') } },
  },
  environments: {
    staging: { services: { api: {} } },
    production: { services: { api: { listen: 80 }, engine: {} }, after: ['staging'], approvals: approvals('risk') },
    // @ts-expect-error no service "apo"
    test: { services: { apo: {} } },
    // @ts-expect-error no environment "stagin"
    other: { services: { api: {} }, after: ['stagin'] },
  },
});

// Data does not change.
// @ts-expect-error read-only
exchange.name = 'other';
// @ts-expect-error read-only
exchange.jobs['unit'] = exchange.jobs['compile'];

// A secret is granted to jobs, services and environments of the delivery.
defineDelivery({
  name: 'grants',
  jobs: { work: job({ run: 'true', secrets: ['A'] }) },
  services: { api: service({ start: ['node'], files: [] }) },
  environments: { staging: environment({ services: { api: {} }, refs: ['main'] }) },
  protectedRefs: ['main', 'release/*'],
  secrets: {
    A: grant({ jobs: ['work'], refs: ['refs/tags/v*'] }),
    B: grant({ services: ['api'], environments: ['staging'] }),
    // @ts-expect-error no job "wrok"
    C: grant({ jobs: ['wrok'] }),
    // @ts-expect-error no environment "production"
    D: grant({ services: ['api'], environments: ['production'] }),
  },
});
// @ts-expect-error not a list
defineDelivery({ name: 'ref', protectedRefs: 'main' });
