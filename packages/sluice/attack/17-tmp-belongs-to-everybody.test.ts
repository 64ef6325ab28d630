import { chownSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { identifyProcess, isRunning } from '#host';
import { startTemporaryPostgres } from '#postgres-server';
import { stranger, StrangersProject, ended } from './runner-rig.ts';

const isRoot = process.getuid?.() === 0;
const own = `sluice-${process.getuid?.() ?? 'user'}`;

describe('17 · /tmp belongs to everybody', () => {
  let temporary = '';
  beforeEach(() => {
    temporary = mkdtempSync(join(tmpdir(), 'shared-'));
  });
  afterEach(() => rmSync(temporary, { recursive: true, force: true }));

  const run = async (): Promise<Awaited<ReturnType<typeof ended>>> => {
    using project = new StrangersProject(`x: job({ run: 'echo $TMPDIR $HOME' })`);
    return await ended(project.start(['run'], { env: { ...project.env, TMPDIR: temporary } }));
  };

  test.runIf(isRoot)(
    'a folder that another user prepared under our name is refused in one line, and not a file of it is read or removed',
    async () => {
      const page = join(temporary, own, 'r-AAAAAA.json');
      mkdirSync(join(temporary, own, 'r-AAAAAA'), { recursive: true });
      writeFileSync(
        page,
        JSON.stringify({ name: 'r-AAAAAA', runId: 'x', folder: '/', owner: { pid: 4_194_303, startTicks: 1 }, world: '' }),
      );
      for (const path of [join(temporary, own), page]) chownSync(path, 65_534, 65_534);
      expect(await run()).toMatchObject({ code: 2, err: expect.stringMatching(/belongs to another user \(65534\).* → /) });
      expect(existsSync(page)).toBe(true);
    },
  );

  test('a link under our name leads nobody anywhere', async () => {
    const elsewhere = join(temporary, 'elsewhere');
    mkdirSync(elsewhere);
    symlinkSync(elsewhere, join(temporary, own));
    expect(await run()).toMatchObject({ code: 2, err: expect.stringContaining('is a link') });
    expect(readdirSync(elsewhere)).toEqual([]);
  });

  test('what a run leaves there is a folder that only its user can look into, and is empty', async () => {
    expect((await run()).out).toContain('x');
    expect(lstatSync(join(temporary, own)).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(temporary, own))).toEqual([]);
  });

  test('a prepared folder of a temporary database neither ends a process nor is removed', async () => {
    const victim = await stranger();
    const identity = identifyProcess(victim.pid)!;
    const planted = join(tmpdir(), 'sluice-pg-4000000-1-planted');
    mkdirSync(join(planted, 'pgdata'), { recursive: true });
    // Its postmaster, so it says, is a process that works in that folder.
    const { spawn } = await import('node:child_process');
    const worker = spawn('sleep', ['1000'], { cwd: join(planted, 'pgdata'), stdio: 'ignore', detached: true });
    const working = identifyProcess(worker.pid ?? 0)!;
    writeFileSync(join(planted, 'pgdata', 'postmaster.pid'), `${worker.pid}\n${planted}\n1\n5432\n/\n\n1 1\nready   \n`);
    try {
      const server = await startTemporaryPostgres();
      if (!server.ok) throw server.error;
      await server.value.stop();
      expect(existsSync(planted)).toBe(true);
      expect([identity, working].map(isRunning)).toEqual([true, true]);
      expect(existsSync(dirname(server.value.logFile))).toBe(false);
    } finally {
      victim.kill('SIGKILL');
      worker.kill('SIGKILL');
      rmSync(planted, { recursive: true, force: true });
    }
  });
});
