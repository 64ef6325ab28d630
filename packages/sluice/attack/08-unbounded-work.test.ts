import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LocalCache } from '#cache-local';
import { defineDelivery, job } from '#define';
import { systemClock } from '#host';
import { verifyLog } from '#ledger';
import { checkDelivery, plan, problemLine } from '#plan';
import { packArtifact } from '#target-local';
import { runJobs, testPath } from '../src/adapters/cache-local/cache-rig.ts';
import { LocalRunFolder } from '../src/adapters/executor-process/run-folder.ts';
import { logReader } from '../src/log-reader.ts';

const planned = plan(defineDelivery({ name: 'x', jobs: { a: job({ run: 'true' }) } }));
const plannedJob = planned.ok ? planned.value.jobs[0]! : undefined!;

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

  test('a pattern of thirteen stars, or of nested choices, is matched in the time its path is long; beyond every bound it is refused', async () => {
    writeFileSync(join(folder, 'a'.repeat(250)), '');
    mkdirSync(join(folder, 'a/a/a/a/a/a/a/a/a/a/a/a'), { recursive: true });
    writeFileSync(join(folder, 'a/a/a/a/a/a/a/a/a/a/a/a/c'), '');
    // Each took a matcher that tries one way after the other longer than this test may take.
    for (const pattern of [`${'*a'.repeat(13)}*b`, `${'**/a/'.repeat(9)}b`, `${'{a*,*a,a}'.repeat(15)}b`, `${'**a'.repeat(13)}b`]) {
      const packed = await packArtifact(folder, [pattern], join(folder, 'archives'));
      expect(!packed.ok && packed.error.message).toMatch(/matches no file/);
      await using cache = new LocalCache({ project: folder, path: testPath, clock: systemClock });
      const { result } = await runJobs(folder, { job: { steps: ['true'], inputs: [pattern] } }, cache);
      expect(result.jobs.get('job')).toMatchObject({ kind: 'passed', unmatched: [pattern] });
    }
    const delivery = defineDelivery({ name: 'x', jobs: { a: job({ run: 'true', inputs: ['*a'.repeat(60), 'a'.repeat(600)] }) } });
    const checked = checkDelivery(delivery);
    expect(checked.ok ? [] : checked.error.map(problemLine)).toEqual([
      expect.stringContaining('at most 50 wildcards') as string,
      expect.stringContaining('at most 500 characters') as string,
    ]);
  });

  test('four pipes and a sparse giant in the place of reports hold nobody: each is refused with its path', async () => {
    using run = new LocalRunFolder({ project: folder, state: join(folder, '.sluice'), runId: 'r1', secrets: undefined });
    const reports = ['p1', 'p2', 'p3', 'p4', 'giant'].map((path) => ({ format: 'junit' as const, path }));
    for (const { path } of reports.slice(0, 4)) execFileSync('mkfifo', [join(folder, path)]);
    writeFileSync(join(folder, 'giant'), '');
    truncateSync(join(folder, 'giant'), 1_500_000_000);
    const kept = await run.keepReports({ ...plannedJob, reports }, 0);
    expect(kept.map((report) => (report.kind === 'unreadable' ? report.because : report.kind))).toEqual([
      ...['p1', 'p2', 'p3', 'p4'].map((path) => `"${path}" is no regular file`),
      'it has 1500000000 bytes, and a report may have 67108864',
    ]);
  });

  test('a pipe, a giant and endless links hold neither the key nor the archive', async () => {
    mkdirSync(join(folder, 'src'));
    execFileSync('mkfifo', [join(folder, 'src/pipe')]);
    writeFileSync(join(folder, 'src/a'), '');
    const packed = await packArtifact(folder, ['src'], join(folder, 'archives'));
    expect(!packed.ok && packed.error.message).toBe('src/pipe is neither a file, a folder nor a link');
    rmSync(join(folder, 'src/pipe'));
    writeFileSync(join(folder, 'src/giant'), '');
    truncateSync(join(folder, 'src/giant'), 1e13);
    const giant = await packArtifact(folder, ['src'], join(folder, 'archives'));
    expect(!giant.ok && giant.error.message).toMatch(/at most 4294967296 bytes, and src.giant alone has 10000000000000/);
    // Twenty folders with two links each to the next one are a million ways to one file.
    for (let at = 0; at < 20; at += 1) {
      mkdirSync(join(folder, `d${at}`));
      for (const name of ['x', 'y']) symlinkSync(`../d${at + 1}`, join(folder, `d${at}`, name));
    }
    mkdirSync(join(folder, 'd20'));
    await using cache = new LocalCache({ project: folder, path: testPath, clock: systemClock });
    const { result } = await runJobs(folder, { job: { steps: ['true'], inputs: ['d0/**'] } }, cache);
    expect(result.jobs.get('job')).toMatchObject({
      failure: { because: expect.stringMatching(/more than 1000 folders lie behind links/) as string },
    });
  });
});
