import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { packageFolder } from './fixtures/project.ts';
import { Rig, until } from './rig.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-definition-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(packageFolder, join(folder, 'node_modules', 'sluice'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}\n');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const define = (text: string): void =>
  writeFileSync(join(folder, 'sluice.config.ts'), `import { defineDelivery, job, steps } from 'sluice';\n${text}\n`);

function start(...args: readonly string[]) {
  const main = join(packageFolder, 'src', 'main.ts');
  const child = spawn(process.execPath, ['--conditions=@sluice/source', main, ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '', HOME: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { out: '', err: '' };
  child.stdout.on('data', (part: Buffer) => (said.out += part.toString()));
  child.stderr.on('data', (part: Buffer) => (said.err += part.toString()));
  return { child, said };
}

async function sluice(...args: readonly string[]): Promise<{ readonly code: number | null; readonly out: string; readonly err: string }> {
  const { child, said } = start(...args);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...said };
}

test.each([
  ['ends the process', 'process.exit(0);', /^✖ sluice\.config\.ts:2:9: ends the process \(0\) → a definition only describes/],
  ['waits for ever', 'await new Promise(() => {});', /^✖ sluice\.config\.ts: waits for a promise that never settles → /],
])('I1: a definition that %s is exit 2 in one line, never a pass', async (_, text, wanted) => {
  define(`${text}\nexport default defineDelivery({ name: 'x', jobs: { a: job({ run: 'true' }) } });`);
  for (const command of ['run', 'plan']) {
    const told = await sluice(command);
    expect(told).toMatchObject({ code: 2, out: '' });
    expect(told.err).toMatch(wanted);
    expect(told.err.trim().split('\n')).toHaveLength(1);
  }
});

test('what a definition prints does not get into what a command prints', async () => {
  define(`console.log('hello');\nexport default defineDelivery({ name: 'x', jobs: { a: job({ run: 'true' }) } });`);
  const told = await sluice('plan', '--json');
  expect(told).toMatchObject({ code: 0, err: 'hello\n' });
  expect(() => JSON.parse(told.out) as unknown).not.toThrow();
});

test('I1: a pipeline without a job proves nothing: exit 3', async () => {
  define(`export default defineDelivery({ name: 'x', jobs: {} });`);
  const told = await sluice('run');
  expect(told.code).toBe(3);
  expect(told.out).toContain('the pipeline has no job, so nothing was run');
});

test('asked a second time to stop, a run ends what ignores SIGTERM at once, and still says where it stands', async () => {
  define(`export default defineDelivery({ name: 'x', jobs: { done: job({ run: 'true' }), deaf: job({ needs: ['done'], run: steps('trap "" TERM; touch began; while :; do sleep 1; done') }) } });`);
  const { child, said } = start('run');
  await until('the job runs', () => Promise.resolve(existsSync(join(folder, 'began'))));
  child.kill('SIGINT');
  await until('it says what it waits for', () => Promise.resolve(said.out.includes('Ctrl-C again')));
  child.kill('SIGINT');
  const [code] = (await once(child, 'close')) as [number | null];
  expect(code).toBe(130);
  expect(said.out).toMatch(/inconclusive in .*cancelled[\s\S]*sluice report/);
  const report = await sluice('report');
  expect(report.out).toMatch(/✔ done/);
});

test('a state folder that is a file is refused in one line', async () => {
  await using rig = new Rig();
  const file = join(rig.folder, 'a-file');
  writeFileSync(file, '');
  const told = await rig.sluice('serve', '--state', file);
  expect(told.code).toBe(2);
  expect(told.err.trim()).toBe(
    `✖ ${file} is no folder, so nothing in it can be trusted → remove it, or name another one with --state or SLUICE_STATE`,
  );
});

test('a database that is not there leaves nothing running', async () => {
  await using rig = new Rig({ env: { DATABASE_URL: 'postgres://127.0.0.1:1/none' } });
  const told = await rig.sluice('serve');
  expect(told.code).toBe(2);
  expect(told.err.trim().split('\n')).toHaveLength(1);
  expect(existsSync(join(rig.stateFolder, 'agent.sock'))).toBe(false);
});
