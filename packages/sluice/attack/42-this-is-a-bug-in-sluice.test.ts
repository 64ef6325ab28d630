import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ended, sluiceWords, StrangersProject, type Ended } from './runner-rig.ts';

const isRoot = process.getuid?.() === 0;
/** Root may do what nobody else may: as root the command runs as the user "nobody". */
const nobody = isRoot ? { uid: 65_534, gid: 65_534 } : {};
const mayRead = spawnSync('/usr/bin/test', ['-r', fileURLToPath(import.meta.url)], nobody).status === 0;

/** What was told: one line with a way out, and no stack. */
function isTold(told: Ended): void {
  expect(told.out + told.err).not.toMatch(/bug in Sluice|\n\s+at |internal/);
  expect(told.code).not.toBe(70);
  expect(told.code).not.toBe(0);
}

/** A command line with `sluice` as `"$@"`. */
const line = async (
  project: StrangersProject,
  script: string,
  env: Readonly<Record<string, string>> = {},
  as: object = {},
): Promise<Ended> =>
  await ended(
    spawn('bash', ['-c', script, 'bash', ...sluiceWords], {
      cwd: project.path,
      env: { ...project.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...as,
    }),
  );

describe('42 · "this is a bug in Sluice"', () => {
  test('a variable that the system does not hand over fails its job, and the others run', async () => {
    using project = new StrangersProject(`big: job({ run: 'true', env: { BIG: 'x'.repeat(200_000) } }), small: job({ run: 'true' })`);
    const told = await project.sluice('run', '--keep-going');
    isTold(told);
    expect(told).toMatchObject({ code: 1, out: expect.stringContaining('larger than the system allows') });
    expect(told.out).toMatch(/✔ small/);
  });

  test('a job that removes the state folder, its log or its run, ends the run with what happened', async () => {
    for (const gone of ['.sluice', '.sluice/runs', '.sluice/runs/*/logs']) {
      using project = new StrangersProject(`a: job({ run: 'rm -rf ${gone}' }), b: job({ run: 'echo more', needs: ['a'] })`);
      const told = await project.sluice('run');
      isTold(told);
      expect(told).toMatchObject({ code: 2, err: expect.stringMatching(/^✖ the run directory cannot be written: .* → .*\n$/) });
    }
  });

  test.runIf(mayRead)('an output that nobody may read is told with its path', async () => {
    using project = new StrangersProject(
      `a: job({ run: 'mkdir out; echo x > out/file; chmod 0 out/file', outputs: ['out'], inputs: ['in'] }),
       b: job({ run: 'mkdir dark; chmod 0 dark', outputs: ['dark'] })`,
    );
    project.write('in', '');
    if (isRoot) chownSync(project.path, 65_534, 65_534);
    const told = await line(project, '"$@" run --keep-going', { TMPDIR: project.path, HOME: project.path }, nobody);
    // Whether such an output fails the job is the cache's to say; it is told with its path, and is no mistake of ours.
    expect(told.out + told.err).not.toMatch(/bug in Sluice|\n\s+at /);
    expect(told.code).not.toBe(70);
    expect(told.out).toMatch(/out\/file|dark/);
    for (const path of ['out/file', 'dark']) chmodSync(join(project.path, path), 0o700);
  });

  test.runIf(isRoot)('a full disk is told as one', async () => {
    using project = new StrangersProject(`a: job({ run: 'true' })`);
    mkdirSync(join(project.path, '.sluice'), { mode: 0o700 });
    const mount = ['mount', '-t', 'tmpfs', '-o', 'size=16k,mode=700', 'tmpfs', join(project.path, '.sluice')];
    const inside = `${mount.map((word) => `'${word}'`).join(' ')} && (cat /dev/zero > .sluice/full; true) 2>/dev/null; "$@" run`;
    const told = await line(project, `unshare --mount bash -c '${inside.replaceAll("'", `'\\''`)}' bash "$@"`);
    isTold(told);
    expect(told).toMatchObject({ code: 2, err: expect.stringContaining('the disk is full') });
  });

  test('descriptors that run out are told as that', async () => {
    using project = new StrangersProject(Array.from({ length: 40 }, (_, at) => `j${at}: job({ run: 'sleep 0.5' })`).join(','));
    const told = await line(project, 'ulimit -n 45; "$@" run -j 40');
    isTold(told);
    expect(told.out + told.err).toMatch(/too many files are open/);
  });

  test.each([
    ['run', '.sluice/effects'],
    ['report', '.sluice/runs/01AAAAAAAAAAAAAAAAAAAAAAAA/run.json'],
    ['status', '.sluice/serve.json'],
    ['run', '.sluice/runs'],
    ['run', '.sluice/cache'],
  ])('sluice %s where something else stands at %s', async (command, path) => {
    using project = new StrangersProject(`a: job({ run: 'true', effect: true }), b: job({ run: 'true', inputs: ['*.ts'] })`);
    project.write(path, '{"what": "is this');
    chmodSync(join(project.path, '.sluice'), 0o700);
    isTold(await project.sluice(command));
  });

  test('what is known of an effect and cannot be read is a doubt, told with its path', async () => {
    using project = new StrangersProject(`a: job({ run: 'echo x >> effect.log; kill -9 $$', effect: true })`);
    await project.sluice('run');
    const { stdout } = spawnSync('sh', ['-c', 'ls .sluice/effects/*.json'], { cwd: project.path, encoding: 'utf8' });
    writeFileSync(join(project.path, stdout.trim()), '{"torn');
    const told = await project.sluice('run');
    isTold(told);
    expect(told.err).toContain('what is known of an effect is damaged');
  });

  test('folders that are not there or cannot be written to', async () => {
    using project = new StrangersProject(`a: job({ run: 'true' })`);
    const gone = mkdtempSync(join(tmpdir(), 'gone-'));
    isTold(await line(project, `cd ${gone}; rmdir ${gone}; "$@" plan`));
    rmSync(gone, { recursive: true, force: true });
    isTold(await line(project, '"$@" run', { TMPDIR: '/nowhere/at/all' }));
    isTold(await line(project, '"$@" identity new --name x --email x@example.org --function f', { HOME: '/proc/nowhere' }));
    isTold(await line(project, '"$@" status', { SLUICE_STATE: `/${'x'.repeat(300)}` }));
    isTold(await line(project, '"$@" serve', { SLUICE_STATE: `/${'x'.repeat(300)}` }));
  });
});
