import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { ProcessTable } from './process-table.ts';

const cleanups: (() => void)[] = [];
afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));

test('I13: who only reads a log, and the runner that holds it, belong to no job', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-table-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const log = join(folder, 'log');
  const fd = openSync(log, 'a+');
  cleanups.push(() => closeSync(fd));
  const table = new ProcessTable([folder]);
  const task = table.open('run.1', log);
  // Enough new processes that the table looks at everything, the runner included.
  const reader = spawn('tail', ['-f', log], { stdio: 'ignore' });
  cleanups.push(() => reader.kill('SIGKILL'));
  table.addGroup(task, 2 ** 30);
  expect(table.running(task)).toBe(0);
  const holder = spawn('sleep', ['1000'], { stdio: ['ignore', 'ignore', 'ignore', fd], env: {} });
  cleanups.push(() => holder.kill('SIGKILL'));
  expect(table.running(task)).toBe(1);
});

test('I3, I13: an orphan in our folders belongs to the running job, but no agent of ours that somebody else started', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-table-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const table = new ProcessTable([folder]);
  const task = table.open('run.2', join(folder, 'log'));
  const orphan = async (words: string): Promise<number> => {
    const parent = spawn('/bin/sh', ['-c', `setsid ${words} </dev/null >/dev/null 2>&1 & echo $!`], {
      cwd: folder,
      env: { PATH: process.env['PATH'] },
    });
    let out = '';
    parent.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    await new Promise((resolve) => parent.once('close', resolve));
    const pid = Number(out);
    cleanups.push(() => process.kill(pid, 'SIGKILL'));
    return pid;
  };
  const agent = fileURLToPath(new URL('../target-local/agent', import.meta.url));
  await orphan(`sh -c 'while :; do sleep 1; done' ${agent}`);
  expect(table.running(task)).toBe(0);
  await orphan('sleep 1000');
  expect(table.running(task)).toBe(1);
});
