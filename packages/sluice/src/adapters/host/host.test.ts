import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { identifyProcess, isRunning, signalProcess, socketPath, spawnDetached, systemClock, systemIds, writeFileDurably } from './index.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-host-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('a process is known by its pid and its start time, and a zombie is none', async () => {
  const child = spawn('sleep', ['60']);
  await once(child, 'spawn');
  const identity = identifyProcess(child.pid ?? 0);
  expect(identity).toBeDefined();
  expect(isRunning(identity!)).toBe(true);
  expect(isRunning({ ...identity!, startTicks: identity!.startTicks + 1 })).toBe(false);
  expect(signalProcess({ ...identity!, startTicks: 1 }, 'SIGKILL')).toBe(false);
  expect(signalProcess(identity!, 'SIGKILL')).toBe(true);
  await once(child, 'exit');
  expect(isRunning(identity!)).toBe(false);
});

test('a file is replaced whole and leaves nothing beside it', async () => {
  const path = join(folder, 'state.json');
  await Promise.all(Array.from({ length: 20 }, (_, at) => writeFileDurably(path, String(at).repeat(10_000))));
  const text = await readFile(path, 'utf8');
  expect(new Set(text.match(text.length > 10_000 ? /../g : /./g)).size).toBe(1);
  expect(await readdir(folder)).toEqual(['state.json']);
});

test('a write that fails leaves the old file and no part of the new one', async () => {
  await expect(writeFileDurably(join(folder, 'missing', 'x'), 'text')).rejects.toThrow('ENOENT');
  expect(await readdir(folder)).toEqual([]);
});

test('a state folder with a long path still has a socket that can be opened, the same for everybody', async () => {
  const deep = join(folder, 'x'.repeat(120));
  expect(socketPath(deep, 'agent')).toBe(socketPath(deep, 'agent'));
  expect(socketPath(deep, 'agent')).not.toBe(socketPath(`${deep}y`, 'agent'));
  const server = createServer().listen(socketPath(deep, 'agent'));
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
  expect(socketPath(folder, 'agent')).toBe(join(folder, 'agent.sock'));
});

test('a detached process gets the environment it is given and nothing else, and writes to its log', async () => {
  const logFile = join(folder, 'log');
  const identity = await spawnDetached({ command: '/usr/bin/env', args: [], cwd: folder, env: { ONLY: 'this' }, logFile });
  if (identity === undefined) throw new Error('not started');
  while (isRunning(identity)) await systemClock.sleep(2);
  expect(await readFile(logFile, 'utf8')).toBe('ONLY=this\n');
});

test('a detached process that ends at once was started all the same: it is known, and runs no more', async () => {
  for (let turn = 0; turn < 20; turn += 1) {
    const logFile = join(folder, `log-${turn}`);
    const identity = await spawnDetached({ command: '/bin/true', args: [], cwd: folder, env: {}, logFile });
    expect(identity).toBeDefined();
    while (isRunning(identity!)) await systemClock.sleep(1);
  }
});

test('a program that is not there gives no process', async () => {
  expect(
    await spawnDetached({ command: join(folder, 'none'), args: [], cwd: folder, env: {}, logFile: join(folder, 'log') }),
  ).toBeUndefined();
});

test('identifiers are new each time', () => {
  expect(new Set(Array.from({ length: 100 }, () => systemIds.next())).size).toBe(100);
});
