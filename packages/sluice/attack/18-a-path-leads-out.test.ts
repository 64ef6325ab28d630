import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LocalRunFolder } from '../src/adapters/executor-process/run-folder.ts';
import { systemClock } from '#host';
import { LocalCache } from '#cache-local';
import { packArtifact } from '#target-local';
import { runJobs, testPath } from '../src/adapters/cache-local/cache-rig.ts';

describe('18 · a path leads out', () => {
  let root = '';
  let project = '';
  beforeEach(() => {
    root = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-attack-')));
    project = join(root, 'project');
    mkdirSync(join(project, 'src'), { recursive: true });
    mkdirSync(join(root, 'outside'));
    writeFileSync(join(root, 'outside/secret.txt'), 'secret');
    writeFileSync(join(project, 'src/main.js'), 'serve()');
    symlinkSync('../outside', join(project, 'link'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  test.each(['link/secret.txt', 'link/**', 'link', '**', '{link,src}/*', 'src/../link/secret.txt', './link/secret.txt'])(
    'the artifact pattern %s packs nothing from outside',
    async (pattern) => {
      const packed = await packArtifact(project, [pattern], join(root, 'archives'));
      if (packed.ok) expect(readFileSync(packed.value.path, 'latin1')).not.toContain('secret');
      else expect(packed.error.message).toMatch(/over a link|behind the link|leads out|matches no file|is not relative/);
      expect(packed.ok).toBe(false);
    },
  );

  test.each([
    ['a link to a file', 'unit.xml', '../outside/secret.txt'],
    ['an absolute link', 'unit.xml', '/etc/hostname'],
    ['a folder that is a link', 'link/secret.txt', undefined],
  ])('a report that is reached over %s is not kept', async (_, path, to) => {
    if (to !== undefined) symlinkSync(to, join(project, path));
    using run = new LocalRunFolder({ project, state: join(project, '.sluice'), runId: 'r1', secrets: undefined });
    const job = { name: 'unit', reports: [{ format: 'junit' as const, path }] };
    const [report] = await run.keepReports(job as never, 0);
    expect(report).toMatchObject({ kind: 'unreadable', because: expect.stringContaining('leads out of the project') });
    expect(existsSync(join(run.path, 'reports'))).toBe(false);
  });

  test('an input behind a link that leads out is refused, named or matched', async () => {
    for (const inputs of [['link/secret.txt'], ['link/**'], ['**'], ['{link,src}/*.txt']]) {
      await using cache = new LocalCache({ project, path: testPath, clock: systemClock });
      const { result } = await runJobs(project, { job: { steps: ['true'], inputs } }, cache);
      expect(result.jobs.get('job'), inputs[0]).toMatchObject({
        failure: { because: expect.stringContaining('leads out of the project') },
      });
    }
  });

  test('an output whose folder became a link out is neither stored from there nor restored to there (I12)', async () => {
    const job = { steps: ['mkdir -p a; test -e a/out || echo made > a/out'], inputs: ['src/main.js'], outputs: ['a/out'] };
    const run = async () => {
      await using cache = new LocalCache({ project, path: testPath, clock: systemClock });
      return await runJobs(project, { job }, cache);
    };
    expect((await run()).result.jobs.get('job')).toMatchObject({ kind: 'passed' });
    rmSync(join(project, 'a'), { recursive: true });
    symlinkSync('../outside', join(project, 'a'));
    writeFileSync(join(root, 'outside/out'), 'theirs');
    await run();
    expect(readFileSync(join(root, 'outside/out'), 'utf8')).toBe('theirs');
    rmSync(join(project, 'a'));
    await run();
    expect(readFileSync(join(project, 'a/out'), 'utf8')).toBe('made\n');
  });
});
