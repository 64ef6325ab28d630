import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type * as Rig from '../test/rig.ts';
import { scratch } from '../test/rig.ts';

const root = join(import.meta.dirname, '..');
const versions = ['1.1.0', '1.2.0', '1.3.0'] as const;
const run = promisify(execFile);

/** A copy of the exchange at a version of the demo's story: every patch up to it, in order. */
async function copyAt(directory: string, version: (typeof versions)[number]): Promise<void> {
  for (const part of ['src', 'test', 'scripts', 'package.json', 'tsconfig.json'])
    cpSync(join(root, part), join(directory, part), { recursive: true });
  for (const each of versions.slice(0, versions.indexOf(version) + 1)) {
    await run('git', ['apply', join(import.meta.dirname, `${each}.patch`)], {
      cwd: directory,
      env: { ...process.env, GIT_CEILING_DIRECTORIES: dirname(directory) },
    });
  }
  mkdirSync(join(directory, 'node_modules'));
  const checker = findPackageJSON('fast-check', import.meta.url);
  assert.ok(checker !== undefined);
  symlinkSync(dirname(checker), join(directory, 'node_modules', 'fast-check'));
}

/** How a burst of order queries at once is answered by a real engine and a real api of a version. */
async function burst(directory: string): Promise<readonly number[]> {
  const rig = (await import(pathToFileURL(join(directory, 'test', 'rig.ts')).href)) as typeof Rig;
  const { engine, port } = await rig.startEngine(join(directory, 'journal'));
  await using _engine = engine;
  const { api, client } = await rig.startApi(port);
  await using _api = api;
  await client.place('a');
  const answers = await Promise.all(Array.from({ length: 60 }, async () => client.send('GET', '/orders/a')));
  client.close();
  return answers.map(({ status }) => status);
}

for (const version of versions) {
  test(`${version} applies, and every test of the exchange passes with it`, async () => {
    using folder = scratch();
    await copyAt(folder.path, version);
    await run(process.execPath, ['scripts/compile.ts'], { cwd: folder.path });
    const suites = ['unit-engine', 'unit-api', 'property', 'integration'];
    await run(process.execPath, ['scripts/tests.ts', ...suites], { cwd: folder.path, maxBuffer: 1 << 26 });
    const reports = suites.map((suite) => readFileSync(join(folder.path, 'reports', `${suite}.xml`), 'utf8'));
    assert.ok((reports.join('\n').match(/<testcase/g) ?? []).length > 100);
  });

  test(`${version} ${version === '1.2.0' ? 'fails a burst of order queries, which no test sends' : 'answers a burst of order queries'}`, async () => {
    using folder = scratch();
    await copyAt(folder.path, version);
    const statuses = await burst(folder.path);
    assert.equal(statuses.includes(500), version === '1.2.0', statuses.join(' '));
  });
}
