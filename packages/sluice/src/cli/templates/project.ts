/** How the tests of a Node project are run so that they leave a JUnit report. */
export type TestRunner = { readonly name: string; readonly run: string };

/** The runner a package.json shows, or node:test, which every Node has. */
export function testRunnerOf(manifest: unknown): TestRunner {
  const text = JSON.stringify(manifest ?? {});
  if (/"vitest"/.test(text)) {
    return {
      name: 'vitest',
      run: `['npx', 'vitest', 'run', '--reporter=default', '--reporter=junit', '--outputFile.junit=reports/tests.xml']`,
    };
  }
  return {
    name: 'node:test',
    run: `['node', '--test', '--test-reporter=spec', '--test-reporter-destination=stdout', '--test-reporter=junit', '--test-reporter-destination=reports/tests.xml']`,
  };
}

const others = ['jest', 'mocha', 'ava', 'tap', 'jasmine', 'karma', 'playwright', 'cypress', 'bun', 'deno'];

/** A runner that the test script of a package.json names, and for which the first definition has no command. */
export function otherRunnerOf(manifest: unknown): string | undefined {
  const scripts = typeof manifest === 'object' && manifest !== null && 'scripts' in manifest ? manifest.scripts : undefined;
  const script = typeof scripts === 'object' && scripts !== null && 'test' in scripts ? scripts.test : undefined;
  return typeof script === 'string' ? others.find((name) => new RegExp(`\\b${name}\\b`).test(script)) : undefined;
}

/** The first definition of a project with tests. */
export function projectConfig(name: string, runner: TestRunner): string {
  return `import { defineDelivery, job, junit, minutes, steps, tests } from 'sluice';

export default defineDelivery({
  name: '${name}',
  jobs: {
    test: job({
      // Runs ${runner.name}; the report is the evidence, not the exit code alone.
      run: steps('mkdir -p reports', ${runner.run}),
      reports: [junit('reports/tests.xml')],
      timeout: minutes(10),
      // Name what the tests read, and an unchanged project is answered from the cache:
      // inputs: ['src/**', 'test/**', 'package.json'],
    }),
  },
  gates: {
    tests: tests({ from: ['test'], minimum: 1 }),
  },
});
`;
}
