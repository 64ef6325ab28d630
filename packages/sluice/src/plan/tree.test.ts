import { expect, test } from 'vitest';
import {
  command,
  coverage,
  defineDelivery,
  grant,
  job,
  junit,
  lcov,
  minutes,
  percent,
  port,
  postgres,
  seconds,
  steps,
  tests,
} from '#define';
import { plan, planJson, planTree, problemLine, type Plan } from './index.ts';

function sample(): Plan {
  const delivery = defineDelivery({
    name: 'exchange',
    secrets: { NPM_TOKEN: grant({ jobs: ['publish'] }) },
    jobs: {
      format: job({ run: 'oxfmt --check', inputs: ['**/*.ts'], budget: seconds(10) }),
      compile: job({ run: 'tsc --noEmit', inputs: ['src/**'] }),
      unit: job({
        needs: ['compile'],
        run: ['node', '--test', '--experimental-test-coverage', 'test/**/*.test.ts'],
        inputs: ['src/**', 'test/**'],
        reports: [junit('reports/unit-${matrix.node}.xml'), lcov('reports/unit-${matrix.node}.info')],
        matrix: { node: ['24', '26'] },
      }),
      integration: job({
        needs: ['compile'],
        run: steps('npm run migrate', 'npm run test:integration'),
        services: { db: postgres(), cache: command({ run: ['redis-server'], ready: port(6379) }) },
        reports: [junit('reports/integration.xml')],
        retry: { attempts: 2, on: ['timeout'] },
        timeout: minutes(5),
      }),
      bench: job({ needs: ['unit', 'format'], run: 'node bench/main.ts' }),
      publish: job({ needs: ['bench', 'integration'], run: 'npm publish', effect: true, secrets: ['NPM_TOKEN'] }),
    },
    gates: {
      tests: tests({ from: ['unit', 'integration'], minimum: 40 }),
      coverage: coverage({ from: ['unit'], lines: percent(80) }),
    },
  });
  const result = plan(delivery);
  if (!result.ok) throw new Error(result.error.map(problemLine).join('\n'));
  return result.value;
}

test('the plan is a tree that reads at a glance on a wide terminal', async () => {
  await expect(`${planTree(sample(), { width: 120 }).join('\n')}\n`).toMatchFileSnapshot('fixtures/tree-120.txt');
});

test('the plan is a tree on a terminal of 60 columns too, and no line is longer', async () => {
  const lines = planTree(sample(), { width: 60 });
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('fixtures/tree-60.txt');
  for (let width = 20; width < 160; width += 7)
    for (const line of planTree(sample(), { width })) expect(Array.from(line).length).toBeLessThanOrEqual(width);
});

test('the tree shows every job exactly once', () => {
  const text = planTree(sample(), { width: 120 });
  const names = text.map((line) => line.replace(/^[ │├└─]+/, ''));
  for (const each of sample().jobs) expect(names.filter((name) => name.startsWith(`${each.name} `))).toHaveLength(1);
});

test('the plan as a document says its version and survives JSON unchanged', () => {
  const document = planJson(sample());
  expect(document.version).toBe(1);
  expect(JSON.parse(JSON.stringify(document))).toEqual(document);
});
