import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { limitLog } from './log-limit.ts';

test('a log over its limit is emptied in place, and what it had is kept beside', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-log-'));
  const file = join(folder, 'a.log');
  writeFileSync(file, 'old lines\n');
  await limitLog(file, 100);
  expect(readFileSync(file, 'utf8')).toBe('old lines\n');
  await limitLog(file, 5);
  appendFileSync(file, 'new\n');
  expect([readFileSync(`${file}.1`, 'utf8'), readFileSync(file, 'utf8')]).toEqual(['old lines\n', 'new\n']);
  await limitLog(join(folder, 'absent.log'), 5);
  rmSync(folder, { recursive: true });
});
