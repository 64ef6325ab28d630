import { expect, test } from 'vitest';
import * as door from './index.ts';
import {
  addressOf,
  blueGreen,
  command,
  defineDelivery,
  environment,
  errorRate,
  isDelivery,
  job,
  junit,
  minutes,
  percent,
  service,
  steps,
  tests,
} from './index.ts';

const small = () =>
  defineDelivery({
    name: 'small',
    jobs: { unit: job({ run: ['node', '--test'], reports: [junit('unit.xml')] }), all: job({ needs: ['unit'], run: 'true' }) },
    gates: { tests: tests({ from: ['unit'] }) },
    services: {
      engine: service({ start: ['node'], files: ['src/**'] }),
      api: service({ start: ['node'], files: ['src/**'], env: { E: addressOf('engine') } }),
    },
    environments: { staging: environment({ services: { engine: {}, api: {} } }) },
  });

function frozen(value: unknown): boolean {
  return typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen));
}

test('a delivery is frozen plain data all the way down, and survives JSON unchanged', () => {
  const delivery = small();
  expect(frozen(delivery)).toBe(true);
  expect(JSON.parse(JSON.stringify(delivery))).toEqual(delivery);
});

test('defaults are the safe choice: a timeout, one attempt, no cache, no effect, no foreign environment', () => {
  expect(job({ run: 'true' })).toEqual({
    steps: ['true'],
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
});

test('a flat list is one program with its arguments; several steps are said so', () => {
  expect(job({ run: ['npm', 'test'] }).steps).toEqual([['npm', 'test']]);
  expect(job({ run: steps('npm ci', ['npm', 'test']) }).steps).toEqual(['npm ci', ['npm', 'test']]);
});

test('a service without a strategy gets canary steps up to the whole, judged, with the old slot kept warm (I9)', () => {
  const { strategy } = small().environments['staging']!.services['api']!;
  expect(strategy).toEqual(blueGreen());
  expect(strategy.steps.map((each) => each.weight)).toEqual([percent(5), percent(50), percent(100)]);
  expect(strategy.onInconclusive.then).toBe('revert');
  expect(strategy.keepWarm).toBeGreaterThan(0);
});

test('the pipeline "default" holds every job and gate unless declared', () => {
  expect(small().pipelines).toEqual({ default: { jobs: ['unit', 'all'], gates: ['tests'] } });
  const own = defineDelivery({ name: 'own', jobs: { a: job({ run: 'true' }) }, pipelines: { default: { jobs: [], gates: [] } } });
  expect(own.pipelines).toEqual({ default: { jobs: [], gates: [] } });
});

test('undefined counts as left out, unknown keys stay for the plan to name', () => {
  const loose: Parameters<typeof job>[0] = JSON.parse('{"run":"true","tiemout":1}');
  expect(job({ ...loose, timeout: undefined } as never)).toMatchObject({ timeout: minutes(10), tiemout: 1 });
});

test('a builder given nonsense does not throw: the plan names all mistakes together', () => {
  const builders: readonly ((input: never) => unknown)[] = [
    job,
    service,
    environment,
    tests,
    command,
    blueGreen,
    errorRate,
    defineDelivery,
  ];
  for (const nonsense of [null, 7, 'job', [], {}]) {
    for (const build of builders) expect(() => build(nonsense as never)).not.toThrow();
  }
});

test('a plain object is the same as what its builder makes', () => {
  const jobs = { a: { run: 'true' }, b: { run: ['node', '--test'], needs: ['a'] } } as const;
  const engine = { start: ['node'], files: ['src/**'] } as const;
  const plain = defineDelivery({ name: 'x', jobs, services: { engine }, environments: { staging: { services: { engine: {} } } } });
  const built = defineDelivery({
    name: 'x',
    jobs: { a: job(jobs.a), b: job(jobs.b) },
    services: { engine: service(engine) },
    environments: { staging: environment({ services: { engine: {} } }) },
  });
  expect(plain).toEqual(built);
  expect(frozen(plain)).toBe(true);
});

test('only defineDelivery makes a delivery', () => {
  expect(isDelivery(small())).toBe(true);
  for (const other of [undefined, null, 1, [], {}, { ...small() }, JSON.parse(JSON.stringify(small()))])
    expect(isDelivery(other)).toBe(false);
});

test('the door of the package is exactly this', () => {
  expect(Object.keys(door).toSorted()).toMatchInlineSnapshot(`
    [
      "addressOf",
      "approvals",
      "basisPoints",
      "blueGreen",
      "byCookie",
      "byHeader",
      "byQuery",
      "command",
      "connect",
      "coverage",
      "cpu",
      "defineDelivery",
      "environment",
      "errorRate",
      "exitCode",
      "folder",
      "get",
      "grant",
      "healthFailures",
      "hours",
      "http",
      "isDelivery",
      "job",
      "junit",
      "latency",
      "lcov",
      "limit",
      "logLine",
      "memory",
      "memoryGrowth",
      "microseconds",
      "milliseconds",
      "minutes",
      "percent",
      "port",
      "postgres",
      "probes",
      "restarts",
      "seconds",
      "service",
      "step",
      "steps",
      "succeeds",
      "tests",
      "url",
      "withoutCanary",
    ]
  `);
});
