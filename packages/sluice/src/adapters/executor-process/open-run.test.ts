import { spawn, spawnSync } from 'node:child_process';
import { chownSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ownCommand, removeTree, siblingModule } from '#host';
import { runFolderPath } from './project-state.ts';
import { eventually, runJobs, TestProject, type TestJob } from './run-rig.ts';

const isLocked = (project: string): boolean => existsSync(join(project, '.sluice', 'run.lock'));

/** What is left of temporary files. */
const left = (project: string): readonly string[] =>
  readdirSync(join(project, 'tmp')).flatMap((folder) => readdirSync(join(project, 'tmp', folder)));

/** Root may write where nobody else may: as root these tests start their runner as the user "nobody". */
const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
const mayRead = spawnSync('/usr/bin/test', ['-r', fileURLToPath(import.meta.url)], nobody).status === 0;

type Told = { readonly code: number | null; readonly out: string; readonly errors: string };

/** Runs jobs in a runner of its own whose temporary files lie in the project. */
async function runAsNobody(project: string, jobs: Readonly<Record<string, TestJob>>): Promise<Told> {
  const temporary = join(project, 'tmp');
  mkdirSync(temporary, { recursive: true });
  if (nobody.uid !== undefined) for (const folder of [project, temporary]) chownSync(folder, nobody.uid, nobody.gid);
  const { command, args } = ownCommand(siblingModule(import.meta.url, './runner-program'), [project, 'by-nobody', JSON.stringify(jobs)]);
  const runner = spawn(command, args, { ...nobody, stdio: 'pipe', env: { PATH: process.env['PATH'], TMPDIR: temporary } });
  let [out, errors] = ['', ''];
  runner.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()));
  runner.stderr.on('data', (bytes: Buffer) => (errors += bytes.toString()));
  const code = await new Promise<number | null>((resolve) => runner.once('close', resolve));
  return { code, out, errors };
}

describe('the project is free after a run', () => {
  test('that could not be set up: the same process may run it again at once', async () => {
    using project = new TestProject();
    const folder = runFolderPath(join(project.path, '.sluice'), 'first');
    mkdirSync(dirname(folder), { recursive: true, mode: 0o700 });
    writeFileSync(folder, 'a file where the run directory should be');
    await expect(runJobs(project.path, { job: {} }, { runId: 'first' })).rejects.toThrow(/EEXIST|ENOTDIR/);
    expect(isLocked(project.path)).toBe(false);
    rmSync(folder);
    const { result, events } = await runJobs(project.path, { job: {} }, { runId: 'first' });
    expect(result.outcome).toBe('passed');
    expect(events).not.toContainEqual(expect.objectContaining({ type: 'run.waiting' }));
  });

  const readOnly = (folder: string): string =>
    `mkdir -p ${folder}/a/b; touch ${folder}/a/b/file; chmod 500 ${folder}/a/b ${folder}/a ${folder}`;

  test.runIf(mayRead).each(['$HOME', '$TMPDIR'])('that left read-only folders below %s, which are removed all the same', async (where) => {
    using project = new TestProject();
    const told = await runAsNobody(project.path, { job: { steps: [readOnly(`${where}/mod`)] } });
    expect(told).toMatchObject({ code: 0, errors: '', out: expect.stringContaining('"kind":"passed"') });
    expect(isLocked(project.path)).toBe(false);
    expect(left(project.path)).toEqual([]);
  });

  test.runIf(nobody.uid !== undefined && mayRead)('that left files which are not its own: they stay, and the run passes', async () => {
    using project = new TestProject();
    using other = new TestProject();
    mkdirSync(join(other.path, 'theirs'));
    writeFileSync(join(other.path, 'theirs', 'file'), '');
    const running = runAsNobody(project.path, {
      job: { steps: ['echo $TMPDIR > where; while ! test -e $TMPDIR/theirs/file; do sleep 0.01; done'] },
    });
    const where = (): string => (existsSync(join(project.path, 'where')) ? readFileSync(join(project.path, 'where'), 'utf8') : '');
    await eventually(() => where().endsWith('\n'), 'the job running');
    cpSync(join(other.path, 'theirs'), join(where().trim(), 'theirs'), { recursive: true });
    expect(await running).toMatchObject({ code: 0, errors: '' });
    expect(isLocked(project.path)).toBe(false);
  });
});

describe('a link that a job leaves', () => {
  test.runIf(mayRead)('in its folders leads nobody out of them: what lies behind it keeps its mode and its files', async () => {
    using project = new TestProject();
    using other = new TestProject();
    const outside = join(other.path, 'outside');
    mkdirSync(outside, { mode: 0o555 });
    writeFileSync(join(other.path, 'file'), '');
    if (nobody.uid !== undefined) for (const path of [other.path, outside]) chownSync(path, nobody.uid, nobody.gid);
    const step = `mkdir $TMPDIR/d; ln -s ${outside} $TMPDIR/d/link; ln -s ${other.path} $TMPDIR/d/all; chmod 500 $TMPDIR/d`;
    expect(await runAsNobody(project.path, { job: { steps: [step] } })).toMatchObject({ code: 0, errors: '' });
    expect(statSync(outside).mode & 0o777).toBe(0o555);
    expect(readdirSync(other.path)).toEqual(['file', 'outside']);
    expect(left(project.path)).toEqual([]);
  });

  test('where its temporary folder was does not become the temporary folder of the next job', async () => {
    using project = new TestProject();
    using other = new TestProject();
    const { result } = await runJobs(project.path, {
      swaps: { steps: [`rmdir $TMPDIR && ln -s ${other.path} $TMPDIR`] },
      writes: { needs: ['swaps'], steps: ['touch $TMPDIR/file'] },
    });
    expect(result.outcome).toBe('passed');
    expect(readdirSync(other.path)).toEqual([]);
  });

  test('is removed, and not what it leads to', () => {
    using project = new TestProject();
    mkdirSync(join(project.path, 'real'));
    symlinkSync('real', join(project.path, 'link'));
    removeTree(join(project.path, 'link'));
    expect(readdirSync(project.path)).toEqual(['real']);
  });
});
