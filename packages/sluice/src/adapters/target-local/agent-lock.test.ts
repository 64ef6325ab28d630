import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockHolder, takeLock } from './agent-lock.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Process 1 runs, but did not start at that time: whoever wrote this is dead. */
const dead = JSON.stringify({ pid: 1, startTicks: 1 });

test('of many at once exactly one gets the lock, the others learn who has it', async () => {
  const taken = await Promise.all(Array.from({ length: 12 }, () => takeLock(folder)));
  expect(taken.filter((lock) => 'release' in lock)).toHaveLength(1);
  for (const lock of taken) if ('heldBy' in lock) expect(lock.heldBy.pid).toBe(process.pid);
  expect(readdirSync(folder)).toEqual(['lock.1']);
});

test('of many that find a dead holder exactly one takes over', async () => {
  writeFileSync(join(folder, 'lock.7'), dead);
  const taken = await Promise.all(Array.from({ length: 12 }, () => takeLock(folder)));
  expect(taken.filter((lock) => 'release' in lock)).toHaveLength(1);
  expect(readdirSync(folder)).toEqual(['lock.8']);
});

test('a damaged lock counts as one of a dead holder', async () => {
  writeFileSync(join(folder, 'lock.1'), '{"pid":');
  expect('release' in (await takeLock(folder))).toBe(true);
});

test('a released lock is free', async () => {
  const lock = await takeLock(folder);
  expect((await lockHolder(folder))?.pid).toBe(process.pid);
  if ('release' in lock) await lock.release();
  expect(await lockHolder(folder)).toBeUndefined();
  expect('release' in (await takeLock(folder))).toBe(true);
});
