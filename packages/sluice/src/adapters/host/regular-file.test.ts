import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readRegularFile } from './index.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-file-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const read = (name: string, most = 1_000, links: 'follow' | 'refuse' = 'follow'): string => {
  const result = readRegularFile(join(folder, name), most, links);
  return result.ok ? result.value.toString() : `${result.error.kind}: ${result.error.message}`;
};

test('a file is read whole, up to its bound and not beyond', () => {
  writeFileSync(join(folder, 'a'), 'x'.repeat(1_000));
  expect(read('a')).toHaveLength(1_000);
  expect(read('a', 999)).toBe('too-large: is larger than 999 bytes');
  writeFileSync(join(folder, 'empty'), '');
  expect(read('empty')).toBe('');
});

test('a sparse file of a gigabyte is refused before a byte of it is read', () => {
  writeFileSync(join(folder, 'sparse'), '');
  truncateSync(join(folder, 'sparse'), 1_500_000_000);
  expect(read('sparse', 64 * 1024 * 1024)).toBe('too-large: is larger than 64 MiB');
});

test('what is no file is refused, and nothing waits for the writer of a pipe', () => {
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  expect(read('pipe')).toBe('not-regular: is a named pipe, not a file');
  expect(read('.')).toBe('not-regular: is a folder, not a file');
  expect(read('none')).toBe('missing: does not exist');
  symlinkSync('/dev/zero', join(folder, 'zero'));
  expect(read('zero')).toBe('not-regular: is a device, not a file');
  const server = createServer().listen(join(folder, 'socket'));
  return new Promise<void>((resolve) => {
    server.once('listening', () => {
      expect(read('socket')).toBe('not-regular: is a socket, not a file');
      server.close(() => resolve());
    });
  });
});

test('a link is followed or refused, as asked', () => {
  writeFileSync(join(folder, 'a'), 'text');
  symlinkSync('a', join(folder, 'link'));
  expect(read('link')).toBe('text');
  expect(read('link', 1_000, 'refuse')).toBe('not-regular: is a link, not a file');
});

test.runIf(process.platform === 'linux')('a file whose size the system does not tell is read up to its bound', () => {
  const whole = readRegularFile('/proc/self/status', 1_000_000);
  expect(whole.ok && whole.value.toString()).toContain('Pid:');
  expect(readRegularFile('/proc/self/status', 100)).toMatchObject({ ok: false, error: { kind: 'too-large' } });
});
