import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { digestOf } from '#kernel';
import { secretPatterns, type ReportFile } from '#run';
import { keepReport } from './kept-report.ts';

let root = '';
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-report-')));
  mkdirSync(join(root, 'project/reports'), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const at = (path: string): string => join(root, 'project', path);
const keep = (path: string, secrets: Readonly<Record<string, string>> = {}): Promise<ReportFile> =>
  keepReport(
    { format: 'junit', path },
    { project: at(''), folder: join(root, 'run'), file: 'reports/unit.xml', since: 0, secrets: secretPatterns(secrets) },
  );

test('a report is copied in pieces with its digest, secrets masked wherever a piece ends', async () => {
  const body = `<a>${'x'.repeat((1 << 18) - 9)}hunter22-hunter22</a>`;
  writeFileSync(at('unit.xml'), body);
  const shown = body.replace('hunter22-hunter22', '***');
  expect(await keep('unit.xml', { TOKEN: 'hunter22-hunter22' })).toMatchObject({ kind: 'kept', digest: digestOf(shown) });
  expect(readFileSync(join(root, 'run/reports/unit.xml'), 'utf8')).toBe(shown);
});

test('an empty report is kept as it is: what it proves is judged elsewhere', async () => {
  writeFileSync(at('unit.xml'), '');
  expect(await keep('unit.xml')).toMatchObject({ kind: 'kept', digest: digestOf('') });
});

test('a pipe, a socket, a folder and a sparse giant are refused with their path, and nothing waits', async () => {
  execFileSync('mkfifo', [at('pipe')]);
  const server = createServer().listen(at('socket'));
  await new Promise((resolve) => server.once('listening', resolve));
  writeFileSync(at('giant'), '');
  truncateSync(at('giant'), 1.5e9);
  const because = async (path: string): Promise<string> => {
    const report = await keep(path);
    return report.kind === 'unreadable' ? report.because : report.kind;
  };
  expect(await because('pipe')).toBe('"pipe" is no regular file');
  expect(await because('socket')).toBe('"socket" is no regular file');
  expect(await because('reports')).toBe('"reports" is no regular file');
  expect(await because('giant')).toBe('it has 1500000000 bytes, and a report may have 67108864');
  server.close();
  expect(readdirSync(root)).not.toContain('run');
});

test('a report behind links is read where they end, inside the project; one that leads out is not', async () => {
  writeFileSync(join(root, 'secret'), 'secret');
  writeFileSync(at('reports/2.xml'), '<a/>');
  symlinkSync('reports/2.xml', at('latest.xml'));
  symlinkSync('../secret', at('out.xml'));
  symlinkSync('none', at('dangling.xml'));
  expect(await keep('latest.xml')).toMatchObject({ kind: 'kept', digest: digestOf('<a/>') });
  expect(await keep('out.xml')).toMatchObject({ because: '"out.xml" leads out of the project: a link to ../secret' });
  expect(await keep('dangling.xml')).toMatchObject({ kind: 'missing' });
  expect(await keep('none/unit.xml')).toMatchObject({ kind: 'missing' });
});
