import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { coverage, defineDelivery, environment, exitCode, grant, job, junit, lcov, minutes, percent, service, steps, tests } from '#define';
import { explain, plan, planError, problemLine, type Plan } from './index.ts';
import * as door from './index.ts';

/** What a JavaScript user may write: no names are checked before the plan does. */
const loose = (input: unknown): unknown => defineDelivery(input as never);

function planned(value: unknown, pipeline?: string): Plan {
  const result = plan(value, pipeline === undefined ? {} : { pipeline });
  if (!result.ok) throw new Error(result.error.map(problemLine).join('\n'));
  return result.value;
}

function problems(value: unknown, pipeline?: string): readonly string[] {
  const result = plan(value, pipeline === undefined ? {} : { pipeline });
  return result.ok ? [] : result.error.map(problemLine);
}

const jobs = (input: Readonly<Record<string, unknown>>): unknown => loose({ name: 'sample', jobs: input });

test('jobs stand after everything they need, otherwise as declared', () => {
  const value = jobs({
    last: job({ needs: ['unit', 'lint'], run: 'true' }),
    lint: job({ run: 'true' }),
    unit: job({ needs: ['compile'], run: 'true' }),
    compile: job({ run: 'true' }),
  });
  expect(planned(value).jobs.map((each) => each.name)).toEqual(['compile', 'unit', 'lint', 'last']);
});

test('R-RUN-02: a matrix becomes one job per cell, with its values in the environment and never in the command', () => {
  const value = jobs({
    unit: job({
      run: 'node --test',
      matrix: { node: ['24', '26'], os: ['linux', 'mac'], exclude: [{ node: '24', os: 'mac' }], include: [{ node: '22', os: 'linux' }] },
      reports: [junit('reports/unit-${matrix.node}-${matrix.os}.xml')],
    }),
    bench: job({ needs: ['unit'], run: 'true' }),
  });
  const result = planned(value);
  expect(result.jobs.map((each) => each.name)).toEqual([
    'unit (node=24, os=linux)',
    'unit (node=26, os=linux)',
    'unit (node=26, os=mac)',
    'unit (node=22, os=linux)',
    'bench',
  ]);
  expect(result.jobs[0]?.env).toEqual({ MATRIX_NODE: '24', MATRIX_OS: 'linux' });
  expect(result.jobs[0]?.steps).toEqual(['node --test']);
  expect(result.jobs[0]?.reports).toEqual([{ format: 'junit', path: 'reports/unit-24-linux.xml' }]);
  expect(result.jobs[4]?.needs).toEqual(result.jobs.slice(0, 4).map((each) => each.name));
});

test('a gate over a matrix judges all of its jobs', () => {
  const value = defineDelivery({
    name: 'sample',
    jobs: { unit: job({ run: 'true', matrix: { node: [24, 26] }, reports: [junit('${matrix.node}.xml')] }) },
    gates: { tests: tests({ from: ['unit'] }) },
  });
  expect(planned(value).gates).toMatchObject([{ name: 'tests', from: ['unit (node=24)', 'unit (node=26)'] }]);
});

test('a pipeline runs its jobs with everything they need, and nothing else', () => {
  const value = loose({
    name: 'sample',
    jobs: { compile: job({ run: 'true' }), unit: job({ needs: ['compile'], run: 'true' }), bench: job({ run: 'true' }) },
    pipelines: { quick: { jobs: ['unit'], gates: [] } },
  });
  expect(planned(value, 'quick').jobs.map((each) => each.name)).toEqual(['compile', 'unit']);
  expect(planned(value).jobs).toHaveLength(3);
  expect(problems(value, 'quik')).toEqual(['pipelines: no pipeline "quik". Did you mean "quick"?']);
  expect(problems(value, 'constructor')).toEqual(['pipelines: no pipeline "constructor". Known: "default", "quick"']);
});

test('bad input: every mistake is told with its path, all of them together', () => {
  const value = loose({
    name: 'sample',
    jobs: {
      compile: job({ run: 'tsc', tiemout: minutes(1) } as never),
      bench: job({ needs: ['compil'] as never, run: ['npm ci', 'npm test'], timeout: '1m' as never }),
      empty: job({} as never),
      bare: { steps: ['true'] },
    },
    gates: {
      tests: tests({ from: ['compile'] }),
      coverage: coverage({ from: ['unit'], lines: 0.8 as never }),
      tests2: { kind: 'test', from: [] },
    },
    pipelines: { quick: { jobs: ['bensh'], gates: ['test'] } },
    envirnoments: {},
  });
  expect(problems(value)).toMatchInlineSnapshot(`
    [
      "jobs.compile.tiemout: unknown key. Did you mean "timeout"?",
      "jobs.bench.timeout: expected a duration such as minutes(5), got "1m"",
      "jobs.bench.run[0]: "npm ci" is no program. For several commands write steps('…', '…')",
      "jobs.empty.run: missing",
      "jobs.bare: expected what job({ … }) makes",
      "gates.coverage.lines: expected a share such as percent(5), got 0.8",
      "gates.tests2: expected tests({ … }) or coverage({ … }), got "test"",
      "envirnoments: unknown key. Did you mean "environments"?",
      "jobs.bench.needs[0]: no job "compil". Did you mean "compile"?",
      "gates.tests.from[0]: job "compile" leaves no such report. Add reports: [junit(…)] to it",
      "gates.coverage.from[0]: no job "unit".",
      "pipelines.quick.jobs[0]: no job "bensh". Did you mean "bench"?",
      "pipelines.quick.gates[0]: no gate "test". Did you mean "tests"?",
    ]
  `);
});

test('bad input: a cycle is told as the path one walks, once, and beside the other mistakes', () => {
  const value = jobs({
    a: job({ needs: ['b'], run: 'true' }),
    b: job({ needs: ['c', 'nothing'], run: 'true' }),
    c: job({ needs: ['a'], run: 'true' }),
    outside: job({ needs: ['a'], run: 'true' }),
    itself: job({ needs: ['itself'], run: 'true' }),
  });
  expect(problems(value)).toEqual([
    'jobs.b.needs[1]: no job "nothing".',
    'jobs.a.needs: a cycle: a → b → c → a',
    'jobs.itself.needs: a cycle: itself → itself',
  ]);
});

test('paths stay inside the project, on every machine', () => {
  const bad = ['/etc/passwd', '../x', 'a/../../x', 'C:/x', 'a\\b', '~/x', '', '!a', '.', 'a/{b,c', 'a}', 'a[', '{{a}}'];
  expect(
    problems(
      jobs({
        a: job({
          run: 'true',
          inputs: ['src', '*.{ts,js}', '{src/a,test}/**', '**/[a-z]?*.md', '[!.]*', 'a/{b}/${matrix.x}'],
          matrix: { x: [1] },
        }),
      }),
    ),
  ).toEqual([]);
  const value = jobs({ a: job({ run: 'true', inputs: bad }) });
  expect(problems(value)).toHaveLength(bad.length);
  const outputs = ['dist/*.js', '.', './', '.git/hooks', '.sluice', '../x'];
  expect(problems(jobs({ a: job({ run: 'true', outputs }) }))).toHaveLength(outputs.length);
});

test('I12: two jobs that may run at the same time cannot make the same file', () => {
  const two = (needs: readonly string[]) =>
    jobs({ a: job({ run: 'true', outputs: ['dist'] }), b: job({ needs: needs as never, run: 'true', outputs: ['./dist/b/'] }) });
  expect(problems(two([]))).toEqual([
    'jobs.b.outputs[0]: "dist/b", in "dist", is also made by job "a", and they may run at the same time. Add needs, or choose another path',
  ]);
  expect(problems(two(['a']))).toEqual([]);
  expect(problems(jobs({ a: job({ run: 'true', outputs: ['dist'] }), b: job({ run: 'true', outputs: ['dist-b', 'dist.txt'] }) }))).toEqual(
    [],
  );
  expect(problems(jobs({ a: job({ run: 'true', outputs: ['reports'], reports: [junit('reports/a.xml')] }) }))).toEqual([]);
  expect(problems(jobs({ a: job({ run: 'true', matrix: { node: [24, 26] }, reports: [lcov('a.info')] }) }))).toEqual([
    'jobs.a.reports[0].path: "a.info" is made by each job of the matrix. Put ${matrix.node} into the path',
  ]);
});

test('a job with an effect outside is never cached and never repeated', () => {
  const value = jobs({
    publish: job({ run: 'true', effect: true, inputs: ['src/**'], outputs: ['x'], retry: { attempts: 2, on: [exitCode(1)] } }),
  });
  expect(problems(value)).toEqual([
    'jobs.publish.inputs: a job with an effect outside is never cached. Leave the inputs out',
    'jobs.publish.outputs: a job with an effect outside is never cached, so nothing brings these back. Make them in a job of their own',
    'jobs.publish.retry: a job with an effect outside is never repeated by itself. Leave retry out',
  ]);
});

test('matrix mistakes are told: nothing left, nothing excluded, too many, placeholders in commands, variables given twice', () => {
  const bad = (input: object): readonly string[] => problems(jobs({ a: job({ run: 'true', ...input }) }));
  expect(bad({ matrix: { node: [24], exclude: [{ node: 24 }] } })).toEqual(['jobs.a.matrix: leaves no job at all']);
  expect(bad({ matrix: { node: [24], exclude: [{ node: 25 }] } })).toEqual([
    'jobs.a.matrix.exclude[0]: there is no such combination to leave out',
  ]);
  expect(bad({ matrix: { node: [24, '24'] } })).toEqual(['jobs.a.matrix: the same job twice: (node=24)']);
  const hundred = Array.from({ length: 100 }, (_, at) => at);
  expect(bad({ matrix: { a: hundred, b: hundred, c: hundred, d: hundred } })).toEqual(['jobs.a.matrix: 100000000 jobs; at most 256']);
  expect(bad({ matrix: { node: [24] }, run: 'nvm use ${matrix.node}' })).toEqual([
    'jobs.a.run: matrix values reach a command as environment variables. Write $MATRIX_NODE',
  ]);
  expect(bad({ matrix: { node: [24] }, env: { MATRIX_NODE: '1' } })).toEqual([
    'jobs.a.env.MATRIX_NODE: MATRIX_NODE is already given by the matrix',
  ]);
  expect(bad({ matrix: { path: ['..', 'a/../..'] }, outputs: ['out/${matrix.path}'] })).toHaveLength(2);
  expect(bad({ outputs: ['out/${matrix.node}'] })).toHaveLength(1);
  expect(bad({ matrix: { 'a-b': [1], a_b: [2] } })).toEqual(['jobs.a.matrix: two axes share the variable MATRIX_A_B']);
});

test('several steps keep their place in the path of a mistake', () => {
  expect(problems(jobs({ a: job({ run: steps('true', ['']) }) }))).toEqual(['jobs.a.run[1][0]: the text is empty']);
});

test('all problems become one error with one line for each', () => {
  const error = planError(
    [
      { path: 'jobs.a', message: 'wrong' },
      { path: '', message: 'worse' },
    ],
    'sluice.config.ts',
  );
  expect(error).toMatchObject({
    code: 'config',
    exitCode: 2,
    message: 'sluice.config.ts: jobs.a: wrong\nsluice.config.ts: delivery: worse',
  });
});

test('explain tells why a job runs, and what hangs on it', () => {
  const value = defineDelivery({
    name: 'sample',
    jobs: {
      compile: job({ run: 'true' }),
      unit: job({ needs: ['compile'], run: 'true', reports: [junit('unit.xml')], matrix: { node: [24] } }),
      bench: job({ needs: ['unit'], run: 'true' }),
    },
    gates: { tests: tests({ from: ['unit'] }) },
  });
  const result = planned(value);
  expect(explain(result, 'unit')).toEqual({
    ok: true,
    value: { job: 'unit (node=24)', because: ['unit (node=24)', 'bench'], needs: ['compile'], neededBy: ['bench'], judgedBy: ['tests'] },
  });
  expect(explain(result, 'compil')).toMatchObject({
    ok: false,
    error: { message: 'no job "compil" in pipeline "default". Did you mean "compile"?' },
  });
});

type Shape = readonly { readonly needs: readonly number[]; readonly axis: number }[];

/** Any graph without cycles: a job needs only jobs with a smaller number; they are declared in any order. */
const graph: fc.Arbitrary<Shape> = fc.array(fc.record({ needs: fc.array(fc.nat(30), { maxLength: 4 }), axis: fc.nat(3) }), {
  minLength: 1,
  maxLength: 20,
});

const shuffled = graph.chain((shape) =>
  fc.record({
    shape: fc.constant(shape),
    order: fc.shuffledSubarray(
      shape.map((_, at) => at),
      { minLength: shape.length },
    ),
  }),
);

function deliveryOf(shape: Shape, order: readonly number[]): unknown {
  const entries = order.map((at) => {
    const { needs = [], axis = 0 } = shape[at] ?? {};
    const names = [...new Set(needs.filter((need) => need < at).map((need) => `j${need}`))];
    const matrix = axis === 0 ? {} : { matrix: { cell: Array.from({ length: axis }, (_, cell) => cell) } };
    return [`j${at}`, job({ run: 'true', needs: names as never, ...matrix })] as const;
  });
  return jobs(Object.fromEntries(entries));
}

test('property: whatever the order of declaration, jobs follow their needs, every cell is there once, and each job is the same', () => {
  fc.assert(
    fc.property(shuffled, ({ shape, order }) => {
      const one = planned(deliveryOf(shape, order));
      const seen = new Set<string>();
      for (const each of one.jobs) {
        for (const need of each.needs) expect(seen.has(need)).toBe(true);
        seen.add(each.name);
      }
      expect(seen.size).toBe(shape.reduce((sum, { axis }) => sum + Math.max(1, axis), 0));
      const declared = planned(
        deliveryOf(
          shape,
          shape.map((_, at) => at),
        ),
      );
      const byName = (result: Plan) => result.jobs.toSorted((a, b) => (a.name < b.name ? -1 : 1));
      expect(byName(one)).toEqual(byName(declared));
      // Declared in an order that already holds, the plan keeps it; the same input gives the same digest.
      expect([...new Set(declared.jobs.map((each) => each.job))]).toEqual(shape.map((_, at) => `j${at}`));
      expect(planned(deliveryOf(shape, order)).digest).toBe(one.digest);
    }),
    { numRuns: 150 },
  );
});

test('property: one edge back makes a cycle, which is found and walks along needs', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 40 }), fc.nat(), (length, from) => {
      const at = from % length;
      const value = jobs(
        Object.fromEntries(
          Array.from({ length }, (_, index) => [`j${index}`, job({ run: 'true', needs: [`j${index === 0 ? at : index - 1}`] as never })]),
        ),
      );
      expect(problems(value)).toHaveLength(1);
      expect(problems(value)[0]).toContain('a cycle: j0 → ');
    }),
  );
});

test('a plan is frozen, and its definition digests change with anything the definition says', () => {
  const one = planned(jobs({ a: job({ run: 'true' }) }));
  const two = planned(jobs({ a: job({ run: 'true', env: { A: '1' } }) }));
  expect(Object.isFrozen(one.jobs[0]?.env)).toBe(true);
  expect(one.jobs[0]?.definition).not.toBe(two.jobs[0]?.definition);
  expect(one.digest).not.toBe(two.digest);
  expect(percent(1)).toBe(100);
});

test('the door of the room is exactly this', () => {
  expect(Object.keys(door).toSorted()).toEqual(['checkDelivery', 'explain', 'plan', 'planError', 'planJson', 'planTree', 'problemLine']);
});

test('a secret that is named and not granted, and a grant that names what is not there, are told together', () => {
  const value = loose({
    name: 'sample',
    jobs: { work: job({ run: 'true', secrets: ['A', 'B'] }) },
    services: { api: service({ start: ['node'], files: ['**'], secrets: ['C'] }) },
    environments: {
      staging: environment({ services: { api: {} } }),
      production: environment({ services: { api: {} }, refs: ['main', 'a b'] }),
    },
    protectedRefs: [],
    secrets: {
      A: grant({ jobs: ['work', 'wrok'] }),
      C: grant({ services: ['api'], environments: ['production'] }),
      D: grant({ services: ['api'] }),
      __proto__: undefined,
    },
  });
  expect(problems(value)).toEqual([
    'environments.production.refs[1]: "a b" is not a branch (main, release/*) or the full name of a ref (refs/tags/v*)',
    'protectedRefs: the list is empty',
    'secrets.A.jobs[1]: no job "wrok". Did you mean "work"?',
    "secrets.D: it names services and no environment. Add environments: ['…']",
    'jobs.work.secrets[1]: "B" is not granted to it. Add secrets: { B: grant({ jobs: ["work"] }) } to the delivery',
    'environments.staging.services.api: its secret "C" is not granted here. Add secrets: { C: grant({ services: ["api"], environments: ["staging"] }) } to the delivery',
  ]);
});
