import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const packageFolder = dirname(import.meta.dirname);
const repository = dirname(dirname(packageFolder));
const readme = readFileSync(join(repository, 'README.md'), 'utf8');

/** The project that README.md shows the definition of. */
const project = {
  '.gitignore': 'node_modules\n.sluice\nreports\n',
  'package.json': JSON.stringify({
    name: 'quotes',
    private: true,
    type: 'module',
    scripts: {
      lint: 'node --check src/spread.js',
      unit: 'node --test --experimental-test-coverage --test-reporter=junit --test-reporter-destination=reports/unit.xml --test-reporter=lcov --test-reporter-destination=reports/unit.info',
    },
  }),
  'src/spread.js': `/** Bid and ask around a mid price, in integer ticks. */
export function quote(mid, ticks) {
  if (!Number.isInteger(mid) || !Number.isInteger(ticks) || ticks < 1) throw new RangeError('integer ticks only');
  return { bid: mid - ticks, ask: mid + ticks };
}
`,
  'test/spread.test.js': `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quote } from '../src/spread.js';

test('quotes around the mid', () => assert.deepEqual(quote(10_000, 2), { bid: 9_998, ask: 10_002 }));
test('never crosses', () => assert.ok(quote(1, 1).bid < quote(1, 1).ask));
test('refuses fractions', () => assert.throws(() => quote(0.5, 1), RangeError));
`,
} as const;

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-readme-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(packageFolder, join(folder, 'node_modules', 'sluice'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('README: the definition is at most 25 lines, plans as shown, and runs as shown', () => {
  const [config = ''] = blocks('ts');
  expect(config.trimEnd().split('\n').length).toBeLessThanOrEqual(25);
  write({ ...project, 'sluice.config.ts': config });
  commit('quote in integer ticks');

  expect(sluice('plan')).toEqual({ code: 0, output: shown('plan') });
  const run = sluice('run', '--parallel', '2');
  expect({ ...run, output: steady(run.output) }).toEqual({ code: 0, output: steady(shown('run')) });
});

test('README: a folder that npm init made, with the sample service, is planned without a word of warning', () => {
  write({ 'package.json': JSON.stringify({ name: 'hello', version: '1.0.0', type: 'commonjs' }) });
  expect(sluice('init', '--service').code).toBe(0);
  const planned = sluice('plan');
  expect(planned.code).toBe(0);
  expect(planned.output).toMatch(/^hello · default · 1 job, 1 gate\n/);
});

test('README and docs: every link to a file of the repository leads somewhere', () => {
  const pages = [
    'README.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    ...spawnSync('git', ['ls-files', 'docs'], { cwd: repository, encoding: 'utf8' })
      .stdout.split('\n')
      .filter((name) => name.endsWith('.md')),
  ];
  const dead = pages.flatMap((page) => {
    const links = [...readFileSync(join(repository, page), 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target = '']) => target);
    return links
      .filter((target) => spawnSync('test', ['-e', join(repository, dirname(page), target)]).status !== 0)
      .map((target) => `${page}: ${target}`);
  });
  expect(dead).toEqual([]);
});

/** The fenced blocks of a language, in order. */
function blocks(language: string): readonly string[] {
  return [...readme.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].filter(([, name]) => name === language).map(([, , text = '']) => text);
}

/** What README.md says a command prints. */
function shown(command: string): string {
  const head = `$ sluice ${command}\n`;
  const block = blocks('').find((text) => text.startsWith(head));
  if (block === undefined) throw new Error(`README.md shows no "${head.trim()}"`);
  return block.slice(head.length);
}

/** What differs from run to run, under one name: times, commits and run numbers. */
const steady = (output: string): string =>
  output
    .replaceAll(/\b[0-9A-HJKMNP-TV-Z]{26}\b/g, 'RUN')
    .replaceAll(/\d+(\.\d+)?s\b/g, 'TIME')
    .replaceAll(/ · [0-9a-f]{7} "/g, ' · COMMIT "');

function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

function commit(subject: string): void {
  const identity = ['-c', 'user.name=Quinn', '-c', 'user.email=quinn@example.com'];
  for (const args of [
    ['init', '--quiet'],
    ['add', '.'],
    [...identity, 'commit', '--quiet', '-m', subject],
  ]) {
    expect(spawnSync('git', args, { cwd: folder }).status).toBe(0);
  }
}

/** Both streams together: a warning beside the output would be a difference. */
function sluice(...args: readonly string[]): { readonly code: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--conditions=@sluice/source', join(packageFolder, 'src', 'main.ts'), ...args],
    {
      cwd: folder,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '', NO_COLOR: '1' },
    },
  );
  return { code: status, output: stdout + stderr };
}
