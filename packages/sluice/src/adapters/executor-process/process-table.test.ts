import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { accessSync, closeSync, constants, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { readProc, startOf } from './proc.ts';
import { ProcessTable } from './process-table.ts';
import { eventually } from './run-rig.ts';

const monotonic = (): number => performance.now();

const cleanups: (() => void)[] = [];
afterEach(() => cleanups.splice(0).forEach((cleanup) => cleanup()));

test('I13: who only reads a log, and the runner that holds it, belong to no job', () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-table-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const log = join(folder, 'log');
  const fd = openSync(log, 'a+');
  cleanups.push(() => closeSync(fd));
  const table = new ProcessTable(monotonic);
  const task = table.open('run.1', log);
  // Enough new processes that the table looks at everything, the runner included.
  const reader = spawn('tail', ['-f', log], { stdio: 'ignore' });
  cleanups.push(() => reader.kill('SIGKILL'));
  table.addGroup(task, { pid: 2 ** 30, startTicks: 1 });
  expect(table.running(task)).toBe(0);
  const holder = spawn('sleep', ['1000'], { stdio: ['ignore', 'ignore', 'ignore', fd], env: {} });
  cleanups.push(() => holder.kill('SIGKILL'));
  expect(table.running(task)).toBe(1);
});

test('I13: a daemon in a folder where jobs work, that somebody else started meanwhile, belongs to no job', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-table-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const table = new ProcessTable(monotonic);
  const task = table.open('run.2', join(folder, 'log'));
  const parent = spawn('/bin/sh', ['-c', `setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $!`], {
    cwd: folder,
    env: { PATH: process.env['PATH'] },
  });
  let out = '';
  parent.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  await new Promise((resolve) => parent.once('close', resolve));
  cleanups.push(() => process.kill(Number(out), 'SIGKILL'));
  expect(readProc(Number(out))).toBeDefined();
  expect(table.running(task)).toBe(0);
});

type Talking = ChildProcessByStdio<Writable, Readable, null>;

/** Leads a group and a session of its own, and has nothing of ours: neither environment nor folder nor descriptor. */
function startAlone(script: string): Talking {
  const child = spawn('/bin/sh', ['-c', script], { cwd: '/', env: {}, detached: true, stdio: ['pipe', 'pipe', 'ignore'] });
  cleanups.push(() => {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // It ended.
    }
  });
  return child;
}

const nextLine = ({ stdout }: Talking): Promise<string> =>
  new Promise((resolve, reject) => {
    stdout.once('data', (bytes: Buffer) => resolve(bytes.toString().trim()));
    stdout.once('end', () => reject(new Error('it ended')));
  });

test.each([
  ['the stranger leads the group', 'echo $$; read -r word && echo "$word"'],
  ['the stranger is a member', 'exec 3<&0; sh -c \'echo $$; read -r word && echo "$word"; :\' <&3 & wait'],
])('a group number that went to somebody else after a step ended is not ours: %s', async (_, script) => {
  const table = new ProcessTable(monotonic);
  const task = table.open('run.3', '/nowhere/log');
  const stranger = startAlone(script);
  await nextLine(stranger);
  // As if a step had led a group of that number before.
  const ended = { pid: stranger.pid!, startTicks: startOf(stranger.pid!)! - 1 };
  table.addGroup(task, ended);
  table.leaderEnded(ended);
  expect(table.running(task)).toBe(0);
  table.signal(task, 'SIGKILL');
  stranger.stdin.write('alive\n');
  expect(await nextLine(stranger)).toBe('alive');
});

test('a stranger in a group number of ours is not signalled, also when nobody looked at it before', async () => {
  const table = new ProcessTable(monotonic);
  const task = table.open('run.4', '/nowhere/log');
  const stranger = startAlone('echo $$; read -r word && echo "$word"');
  await nextLine(stranger);
  table.addGroup(task, { pid: stranger.pid!, startTicks: startOf(stranger.pid!)! - 1 });
  table.signal(task, 'SIGKILL');
  stranger.stdin.write('alive\n');
  expect(await nextLine(stranger)).toBe('alive');
});

test.each([
  ['in its group', 'sleep 1000 >&- & echo $!'],
  ['in its session alone', 'set -m; sleep 1000 >&- & echo $!'],
])('I13: what a step that ended left %s is ours, however often somebody looks', async (_, script) => {
  const table = new ProcessTable(monotonic);
  const task = table.open('run.5', '/nowhere/log');
  const step = startAlone(script);
  const leader = { pid: step.pid!, startTicks: startOf(step.pid!)! };
  table.addGroup(task, leader);
  const over = new Promise((resolve) => step.once('exit', resolve));
  const left = Number(await nextLine(step));
  cleanups.push(() => {
    if (readProc(left)?.session === leader.pid) process.kill(left, 'SIGKILL');
  });
  await over;
  table.leaderEnded(leader);
  for (let looks = 0; looks < 3; looks += 1) table.sample();
  expect(table.running(task)).toBe(1);
  table.signal(task, 'SIGTERM');
  await eventually(() => table.running(task) === 0, 'its end');
  expect(readProc(left)).toBeUndefined();
});

const chooser = '/proc/sys/kernel/ns_last_pid';

test.runIf(isWritable(chooser))('the children of a stranger that got the id of a process of ours are not ours', async ({ skip }) => {
  const table = new ProcessTable(monotonic);
  const task = table.open('run.6', '/nowhere/log');
  const step = startAlone('echo up; read -r word');
  const leader = { pid: step.pid!, startTicks: startOf(step.pid!)! };
  table.addGroup(task, leader);
  await nextLine(step);
  expect(table.running(task)).toBe(1);
  const over = new Promise((resolve) => step.once('exit', resolve));
  step.stdin.end();
  await over;
  table.leaderEnded(leader);
  table.sample();
  for (let tries = 0; tries < 200; tries += 1) {
    writeFileSync(chooser, String(leader.pid - 1));
    const stranger = startAlone("exec 3<&0; setsid sh -c 'echo $$; read -r word; :' <&3 & wait");
    const child = Number(await nextLine(stranger));
    if (stranger.pid === leader.pid && startOf(stranger.pid) !== leader.startTicks) {
      expect(readProc(child)?.parent).toBe(leader.pid);
      expect(table.running(task)).toBe(0);
      return;
    }
    stranger.stdin.end();
  }
  skip('the system gave the id to nobody we know');
});

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
