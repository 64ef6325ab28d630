import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock, systemIds } from '#host';
import { commitProcesses } from './commit-process.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sluice-commit-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const git = (...args: readonly string[]): string =>
  execFileSync('git', ['-C', join(root, 'shop'), '-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args], { encoding: 'utf8' });

/** A repository of one commit whose only job runs this line. */
function shop(run: string): string {
  execFileSync('git', ['init', '-q', join(root, 'shop')]);
  writeFileSync(
    join(root, 'shop', 'sluice.config.ts'),
    `import { defineDelivery, job, junit, tests } from 'sluice';
     export default defineDelivery({ name: 'shop', jobs: { unit: job({ run: ${JSON.stringify(run)}, reports: [junit('unit.xml')] }) }, gates: { tests: tests({ from: ['unit'], minimum: 1 }) } });`,
  );
  git('add', '.');
  git('commit', '-q', '-m', 'one');
  return git('rev-parse', 'HEAD').trim();
}

function start(run: string, signal = new AbortController().signal) {
  const sha = shop(run);
  const settings = {
    parallel: 1,
    path: process.env['PATH'] ?? '',
    home: '/nonexistent',
    env: {},
    stateFolder: join(root, 'state'),
    repository: join(root, 'shop'),
    grants: new Map(),
  };
  const commit = { sha, subject: 'one', tags: [], people: [] } as never;
  const trust = { refs: ['refs/heads/main'], isProtected: true };
  const order = {
    run: systemIds.next(),
    commit,
    folder: join(root, 'shop'),
    pipeline: 'default',
    trust,
    protectedRefs: ['refs/heads/main'],
    signal,
  };
  return commitProcesses(settings).pipelines.run(order);
}

/** The processes of this test that work on a commit. */
function workers(): readonly number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const isOurs = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ')[1]?.split(' ')[1] === String(process.pid);
      return isOurs && readFileSync(`/proc/${name}/cmdline`, 'utf8').includes('commit-main') ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await systemClock.sleep(10);
}

test('a commit is worked on in a process of its own, which answers with the verdict and ends', async () => {
  const done = await start(`echo '<testsuite><testcase name="a"/></testsuite>' > unit.xml`);
  expect(done).toMatchObject({ ok: true, value: { verdict: 'pass', jobs: { passed: 1 } } });
  await until(() => workers().length === 0);
});

test('a process that is killed while it works on a commit is told in one line, and the caller goes on', async () => {
  const running = start(`echo '<testsuite><testcase name="a"/></testsuite>' > unit.xml; sleep 600`);
  await until(() => workers().length === 1);
  for (const pid of workers()) process.kill(pid, 'SIGKILL');
  const done = await running;
  expect(done).toMatchObject({ ok: false, error: { code: 'config', message: expect.stringContaining('(SIGKILL)') as string } });
});

test('work on a commit that is stopped ends in order, and leaves no process', async () => {
  const stop = new AbortController();
  const running = start('sleep 600', stop.signal);
  await until(() => workers().length === 1);
  stop.abort();
  const done = await running;
  if (done.ok) expect(done.value.verdict).not.toBe('pass');
  await until(() => workers().length === 0);
});
