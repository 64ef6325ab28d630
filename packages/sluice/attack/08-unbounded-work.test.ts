import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { verifyLog } from '#ledger';
import { logReader } from '../src/log-reader.ts';

describe('8 · unbounded work on what comes from outside', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-attack-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const verify = () => verifyLog(logReader(folder), { origin: 'x', keys: [], earlier: [], anchor: { kind: 'optional' } });

  test('a record whose checkpoint is a named pipe is unreadable, at once', () => {
    execFileSync('mkfifo', [join(folder, 'checkpoint')]);
    expect(verify()).toMatchObject({ kind: 'unreadable', because: expect.stringContaining('is a named pipe, not a file') as string });
  });

  test('nor does one wait that is a link to a device, or to a sparse file of ten gigabytes', () => {
    symlinkSync('/dev/zero', join(folder, 'checkpoint'));
    expect(verify()).toMatchObject({ kind: 'unreadable', because: expect.stringContaining('is a device, not a file') as string });
    rmSync(join(folder, 'checkpoint'));
    writeFileSync(join(folder, 'checkpoint'), '');
    truncateSync(join(folder, 'checkpoint'), 10_000_000_000);
    expect(verify()).toMatchObject({ kind: 'unreadable', because: expect.stringContaining('is larger than 17 MiB') as string });
  });

  test('a bundle of entries that is a folder ends the verification with its path', () => {
    mkdirSync(join(folder, 'tile', 'entries', '000.p', '1'), { recursive: true });
    expect(() => logReader(folder).read('tile/entries/000.p/1')).toThrow('is a folder, not a file');
    expect(() => logReader(folder).read('../secret')).toThrow('leaves the record');
  });
});
