import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startTime, takeWriterLock, WriterAlive } from './writer-lock.ts';

const parent = { pid: process.ppid, started: startTime(process.ppid) ?? '' };
const deadPid = 2 ** 22 + 1; // above the largest pid Linux gives out

function scratch(use: (directory: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), 'exchange-lock-'));
  try {
    use(join(directory, 'made', 'by', 'the', 'lock'));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('a live engine keeps everybody else out, in one line that names it', () =>
  scratch((directory) => {
    takeWriterLock(directory, parent);
    assert.throws(
      () => takeWriterLock(directory),
      (error) => error instanceof WriterAlive && error.message.includes(`process ${parent.pid}; stop it first`),
    );
  }));

test('a dead engine is succeeded, and its lock is tidied away', () =>
  scratch((directory) => {
    takeWriterLock(directory, { pid: deadPid, started: 'long ago' });
    takeWriterLock(directory);
    assert.deepEqual(readdirSync(directory), ['writer.lock.2']);
  }));

test('a pid that was given out again is not the engine that died', () =>
  scratch((directory) => {
    takeWriterLock(directory, { pid: parent.pid, started: 'before the last boot' });
    assert.equal(takeWriterLock(directory), 2);
  }));

test('a lock emptied by a crash of the machine counts as dead', () =>
  scratch((directory) => {
    takeWriterLock(directory, { pid: deadPid, started: 'long ago' });
    writeFileSync(join(directory, 'writer.lock.1'), '');
    assert.equal(takeWriterLock(directory), 2);
  }));

test('the start of a live process is known, of a dead one it is not', () => {
  assert.equal(startTime(process.pid), startTime(process.pid));
  assert.ok(startTime(process.pid));
  assert.equal(startTime(deadPid), undefined);
});
