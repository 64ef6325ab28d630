import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { systemClock } from '#host';
import { secretPatterns, type JobResult, type RunEvent } from '#run';
import { runJobs, testPath, TestProject, type TestJob, type TestRun } from './cache-rig.ts';
import { LocalCache, type LocalCacheOptions } from './index.ts';

const path = testPath;

async function run(
  project: TestProject,
  jobs: Readonly<Record<string, TestJob>>,
  more: Partial<LocalCacheOptions> = {},
  secrets = {},
): Promise<TestRun> {
  const patterns = Object.keys(secrets).length === 0 ? {} : { secrets: secretPatterns(secrets) };
  await using cache = new LocalCache({ project: project.path, path, clock: systemClock, ...patterns, ...more });
  return await runJobs(project.path, jobs, cache, secrets);
}

const kinds = ({ result }: TestRun): readonly JobResult['kind'][] => [...result.jobs.values()].map((job) => job.kind);
const whys = ({ events }: TestRun, type: RunEvent['type']): readonly string[] =>
  events.flatMap((event) => (event.type === type && 'because' in event ? [event.because] : []));
const write = (project: TestProject, file: string, text: string): void => writeFileSync(join(project.path, file), text);
const read = (project: TestProject, file: string): string => readFileSync(join(project.path, file), 'utf8');
const entries = (project: TestProject): readonly string[] => {
  const folder = join(project.path, '.sluice/cache/entries');
  return readdirSync(folder).map((name) => join(folder, name));
};

const build: TestJob = { steps: ['echo building; mkdir -p out; cat in.txt > out/copy'], inputs: ['in.txt'], outputs: ['out'] };

describe('I12: a cache hit is the result of exactly these inputs', () => {
  test('the second run is cached, keeps the log as evidence, and tells whose result it is', async () => {
    using project = new TestProject();
    write(project, 'in.txt', 'one');
    const first = await run(project, { build });
    const second = await run(project, { build });
    expect([kinds(first), kinds(second)]).toEqual([['passed'], ['cached']]);
    const job = second.result.jobs.get('build');
    expect(job).toMatchObject({ kind: 'cached', from: { runId: first.result.runId } });
    expect(job?.kind === 'cached' && readFileSync(join(second.result.folder, job.log!), 'utf8')).toBe('building\n');
  });

  test('a changed input is a miss that names it with both digests, and the old content is a hit again', async () => {
    using project = new TestProject();
    write(project, 'in.txt', 'one');
    await run(project, { build });
    write(project, 'in.txt', 'two');
    const changed = await run(project, { build });
    expect(whys(changed, 'job.cache-missed')).toEqual([
      expect.stringMatching(/^input "in\.txt" changed: [0-9a-f]{4}….. → [0-9a-f]{4}…..$/),
    ]);
    expect(read(project, 'out/copy')).toBe('two');
    write(project, 'in.txt', 'one');
    expect(kinds(await run(project, { build }))).toEqual(['cached']);
    expect(read(project, 'out/copy')).toBe('one');
  });

  test.each([
    ['written', 'echo two > in.txt'],
    ['written and put back', 'echo two > in.txt; printf one > in.txt'],
    ['written and put back with its old time', 'cp -p in.txt $TMPDIR/keep; echo two > in.txt; cp -p $TMPDIR/keep in.txt; rm $TMPDIR/keep'],
    ['removed', 'rm in.txt'],
    ['joined by another', 'touch more.txt'],
    ['replaced by a link', 'mv in.txt x; ln -s x in.txt'],
  ])('an input %s while the job runs is never stored under the old key', async (_, edit) => {
    using project = new TestProject();
    write(project, 'in.txt', 'one');
    const job = { ...build, steps: [`mkdir -p out; cat in.txt > out/copy; ${edit}`], inputs: ['*.txt'] };
    const first = await run(project, { job });
    expect(whys(first, 'job.not-stored')).toEqual([expect.stringMatching(/input ".*" (was|appeared)/)]);
    expect(entries(project)).toEqual([]);
  });

  test('the definition, a needed output, and a mode are part of the key; the order of files and the place of the project are not', async () => {
    using project = new TestProject();
    write(project, 'in.txt', 'one');
    const use: TestJob = { steps: ['cat out/copy'], needs: ['build'], inputs: ['own.txt'] };
    write(project, 'own.txt', '');
    expect(kinds(await run(project, { build, use }))).toEqual(['passed', 'passed']);
    write(project, 'in.txt', 'two');
    const second = await run(project, { build, use });
    expect(whys(second, 'job.cache-missed')[1]).toMatch(/^what "build" hands on changed/);
    chmodSync(join(project.path, 'own.txt'), 0o755);
    expect(whys(await run(project, { build, use }), 'job.cache-missed')).toEqual(['input "own.txt" changed from file to executable']);
    expect(whys(await run(project, { build: { ...build, env: { NEW: '1' } } }), 'job.cache-missed')[0]).toMatch(
      /^the definition of the job changed/,
    );
  });

  test('only a completed success is stored', async () => {
    using project = new TestProject();
    write(project, 'in.txt', 'one');
    await run(project, { bad: { ...build, steps: ['mkdir -p out; exit 1'] }, none: { ...build, steps: ['true'], outputs: ['never'] } });
    expect(entries(project)).toEqual([]);
  });

  test('a flipped byte anywhere in an entry: it is dropped, reported, and the job runs', async () => {
    using project = new TestProject();
    write(project, 'in.txt', 'one');
    await run(project, { build });
    const whole = readFileSync(entries(project)[0]!);
    for (let at = 0; at < whole.length; at += Math.max(1, Math.floor(whole.length / 12))) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 1;
      writeFileSync(entries(project)[0]!, damaged);
      rmSync(join(project.path, 'out'), { recursive: true });
      const again = await run(project, { build });
      expect(kinds(again), `byte ${at}`).toEqual(['passed']);
      expect(whys(again, 'job.cache-entry-dropped')).toHaveLength(1);
      expect(read(project, 'out/copy')).toBe('one');
    }
    for (const length of [0, 5, whole.length - 1]) {
      writeFileSync(entries(project)[0]!, whole.subarray(0, length));
      expect(kinds(await run(project, { build }))).toEqual(['passed']);
    }
  });

  test('a restore makes the outputs exactly what they were: foreign files, links, modes and empty folders', async () => {
    using project = new TestProject();
    write(project, 'in.txt', 'one');
    const shape =
      'mkdir -p out/empty out/deep/er; echo x > out/run.sh; chmod 755 out/run.sh; echo y > out/deep/file; chmod 600 out/deep/file; ln -s deep/file out/link; ln -s nowhere out/dangling; chmod 555 out/deep/er; echo z > single';
    const job: TestJob = { steps: [shape], inputs: ['in.txt'], outputs: ['out', 'single'] };
    const shapeOf = (): unknown =>
      readdirSync(join(project.path, 'out'), { recursive: true, encoding: 'utf8' })
        .toSorted()
        .map((name) => {
          const stats = lstatSync(join(project.path, 'out', name));
          return [
            name,
            stats.mode,
            stats.isSymbolicLink() ? readlinkSync(join(project.path, 'out', name)) : stats.isFile() ? read(project, `out/${name}`) : '',
          ];
        });
    await run(project, { job });
    const wanted = shapeOf();
    const spoil: readonly (() => void)[] = [
      () => write(project, 'out/foreign', 'x'),
      () => chmodSync(join(project.path, 'out/run.sh'), 0o644),
      () => rmSync(join(project.path, 'out/empty'), { recursive: true }),
      () => write(project, 'out/deep/file', 'Y\n'),
      () => {
        rmSync(join(project.path, 'out/link'));
        symlinkSync('elsewhere', join(project.path, 'out/link'));
      },
      () => rmSync(join(project.path, 'single')),
      () => {
        rmSync(join(project.path, 'out'), { recursive: true });
        write(project, 'out', 'a file where a folder was');
      },
    ];
    for (const [at, change] of spoil.entries()) {
      change();
      expect(kinds(await run(project, { job })), `change ${at}`).toEqual(['cached']);
      expect(shapeOf(), `change ${at}`).toEqual(wanted);
      expect(read(project, 'single')).toBe('z\n');
    }
    expect(readdirSync(join(project.path, '.sluice/cache/tmp'))).toEqual([]);
  });

  test('a report comes back with a hit and is kept again', async () => {
    using project = new TestProject();
    write(project, 'in.txt', 'one');
    const unit: TestJob = {
      steps: ['mkdir -p reports; echo "<testsuite/>" > reports/unit.xml'],
      inputs: ['in.txt'],
      reports: [{ format: 'junit', path: 'reports/unit.xml' }],
    };
    await run(project, { unit });
    rmSync(join(project.path, 'reports'), { recursive: true });
    const job = (await run(project, { unit })).result.jobs.get('unit');
    expect(job).toMatchObject({ kind: 'cached', reports: [{ kind: 'kept' }] });
  });
});

describe('inputs that cannot be part of a key', () => {
  test.each([
    ['a link out of the project', (at: string) => symlinkSync('/etc/hostname', at), /leads out of the project: a link to \/etc\/hostname/],
    ['a socket or pipe', undefined, /neither a file nor a link/],
  ])('%s is one clear error', async (_, make, message) => {
    using project = new TestProject();
    const at = join(project.path, 'odd');
    if (make === undefined) (await import('node:child_process')).execFileSync('mkfifo', [at]);
    else make(at);
    const { result } = await run(project, { build: { ...build, inputs: ['odd'] } });
    expect(result.jobs.get('build')).toMatchObject({
      kind: 'failed',
      failure: { kind: 'not-started', because: expect.stringMatching(message) },
    });
  });

  test('a link inside of the project depends on what it points to', async () => {
    using project = new TestProject();
    write(project, 'in.txt', 'one');
    symlinkSync('in.txt', join(project.path, 'link'));
    const job: TestJob = { ...build, inputs: ['link'] };
    await run(project, { job });
    write(project, 'in.txt', 'two');
    expect(kinds(await run(project, { job }))).toEqual(['passed']);
  });
});

test('I11: an output that holds a secret is not stored, and no secret is in any file of the cache', async () => {
  using project = new TestProject();
  write(project, 'in.txt', 'one');
  const secrets = { TOKEN: 'hunter22-hunter22' };
  const leaky: TestJob = { ...build, steps: ['mkdir -p out; echo "$TOKEN" > out/t'], secrets: ['TOKEN'] };
  const clean: TestJob = { ...build, steps: ['echo "$TOKEN"; mkdir -p out2; echo ok > out2/t'], outputs: ['out2'], secrets: ['TOKEN'] };
  const first = await run(project, { leaky, clean }, {}, secrets);
  expect(whys(first, 'job.not-stored')).toEqual(['"out/t" holds a secret']);
  expect(entries(project)).toHaveLength(1);
  const all = readdirSync(join(project.path, '.sluice'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const entry of all) expect(readFileSync(join(entry.parentPath, entry.name), 'latin1')).not.toContain('hunter22');
});

test('the cache keeps to its size, oldest use first, and to its age', async () => {
  using project = new TestProject();
  for (const name of ['a', 'b', 'c']) write(project, `${name}.txt`, name);
  const jobs = Object.fromEntries(
    ['a', 'b', 'c'].map((name): [string, TestJob] => [
      name,
      { steps: [`mkdir -p ${name}; head -c 100000 /dev/zero > ${name}/x`], inputs: [`${name}.txt`], outputs: [name] },
    ]),
  );
  await run(project, { a: jobs['a']!, b: jobs['b']! });
  const old = entries(project)[0]!;
  utimesSync(old, new Date(0), new Date(0));
  await run(project, jobs, { limits: { maximumBytes: 250_000, maximumAgeMs: 86_400_000_000 } });
  // The hit renewed the use of the old entry, so whichever is oldest went, and the rest fits.
  expect(entries(project).reduce((sum, entry) => sum + statSync(entry).size, 0)).toBeLessThanOrEqual(250_000);
  for (const entry of entries(project)) utimesSync(entry, new Date(0), new Date(0));
  write(project, 'c.txt', 'new');
  await run(project, { c: jobs['c']! }, { limits: { maximumBytes: 1e9, maximumAgeMs: 86_400_000 } });
  expect(entries(project)).toHaveLength(1);
});

test('a file changed twice within a tick of the clock is not taken for unchanged', async () => {
  using project = new TestProject();
  for (let round = 0; round < 30; round += 1) {
    write(project, 'in.txt', `a${round % 10}`);
    await run(project, { build });
    expect(read(project, 'out/copy')).toBe(`a${round % 10}`);
    write(project, 'in.txt', `b${round % 10}`);
    await run(project, { build });
    expect(read(project, 'out/copy')).toBe(`b${round % 10}`);
  }
});

test('a damaged index of files is no index', async () => {
  using project = new TestProject();
  write(project, 'in.txt', 'one');
  utimesSync(join(project.path, 'in.txt'), new Date(0), new Date(0));
  await run(project, { build });
  const index = join(project.path, '.sluice/cache/files.index');
  if (existsSync(index)) writeFileSync(index, readFileSync(index, 'utf8').replaceAll(/[0-9]/g, '1'));
  mkdirSync(join(project.path, '.sluice/cache'), { recursive: true });
  expect(kinds(await run(project, { build }))).toEqual(['cached']);
});

test.each(['.', '../elsewhere', '/etc', 'a/../../b', '.git/hooks'])(
  'the output %s is refused before anything is touched',
  async (output) => {
    using project = new TestProject();
    write(project, 'in.txt', 'one');
    const { result } = await run(project, { job: { inputs: ['in.txt'], outputs: [output] } });
    expect(result.jobs.get('job')).toMatchObject({
      kind: 'failed',
      failure: { because: expect.stringMatching(/cannot be cached: it (is|lies)/) },
    });
  },
);

test.runIf(process.getuid?.() === 0)('an output whose folder became a link out of the project is not written through it', async () => {
  using project = new TestProject();
  using outside = new TestProject();
  write(project, 'in.txt', 'one');
  const job: TestJob = { steps: ['mkdir -p a; echo x > a/out'], inputs: ['in.txt'], outputs: ['a/out'] };
  await run(project, { job });
  rmSync(join(project.path, 'a'), { recursive: true });
  symlinkSync(outside.path, join(project.path, 'a'));
  const { events } = await run(project, { job: { ...job } });
  expect(whys({ events, result: undefined as never }, 'job.cache-entry-dropped')).toEqual(['"a" is reached over a link, "a"']);
});

test('two checkouts of one repository share their results, and neither takes what is not its own (I12)', async () => {
  using one = new TestProject();
  using two = new TestProject();
  using shared = new TestProject();
  const folder = join(shared.path, 'cache');
  const jobs = { build: { steps: ['cat in > out'], inputs: ['in'], outputs: ['out'] } };
  const runIn = async (project: string): Promise<string | undefined> => {
    await using cache = new LocalCache({ project, folder, path: testPath, clock: systemClock });
    return (await runJobs(project, jobs, cache)).result.jobs.get('build')?.kind;
  };
  for (const project of [one.path, two.path]) writeFileSync(join(project, 'in'), 'same');
  expect([await runIn(one.path), await runIn(two.path)]).toEqual(['passed', 'cached']);
  expect(readFileSync(join(two.path, 'out'), 'utf8')).toBe('same');
  writeFileSync(join(two.path, 'in'), 'other');
  expect([await runIn(two.path), await runIn(one.path)]).toEqual(['passed', 'cached']);
  expect([readFileSync(join(one.path, 'out'), 'utf8'), readFileSync(join(two.path, 'out'), 'utf8')]).toEqual(['same', 'other']);
});
