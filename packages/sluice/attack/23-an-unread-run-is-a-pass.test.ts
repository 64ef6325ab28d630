import { spawn } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { ended, sluiceWords, StrangersProject, type Ended } from './runner-rig.ts';

const failing = `fine: job({ run: 'true' }), bad: job({ run: 'echo why; exit 7', needs: ['fine'] })`;
const passing = `fine: job({ run: 'true' })`;

/** What a command line with `sluice` as `"$@"` comes to; its exit code is that of sluice. */
async function line(jobs: string, script: string): Promise<Ended> {
  using project = new StrangersProject(jobs);
  const child = spawn('bash', ['-c', script, 'bash', ...sluiceWords], {
    cwd: project.path,
    env: project.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return await ended(child);
}

describe('23 · an unread run is a pass', () => {
  test.each([
    ['reads one line and leaves', '"$@" run | head -1; exit ${PIPESTATUS[0]}'],
    ['reads nothing', '"$@" run | true; exit ${PIPESTATUS[0]}'],
    ['reads one line of the document', '"$@" run --json | head -1; exit ${PIPESTATUS[0]}'],
    ['has a full disk', '"$@" run > /dev/full'],
    ['has a full disk and wants a document', '"$@" run --json > /dev/full'],
    ['has closed all outputs', '"$@" run >&- 2>&-'],
    ['reads neither result nor messages', '"$@" run > /dev/full 2> /dev/full'],
  ])('a run with a failing job fails, also when the reader %s', async (_, script) => {
    const told = await line(failing, script);
    expect(told.code).toBe(1);
    expect(told.err).not.toMatch(/\n\s+at |internal|bug in Sluice/);
  });

  test.each([
    ['reads one line and leaves', '"$@" run | head -1; exit ${PIPESTATUS[0]}'],
    ['has a full disk', '"$@" run > /dev/full'],
  ])('and one that passes passes, also when the reader %s', async (_, script) => {
    const told = await line(passing, script);
    expect(told.code).toBe(0);
    expect(told.err).toMatch(/^(?:▲ the output could not be written: .*the disk is full\n)?$/);
  });

  test('a command that only prints has failed when nothing of it arrives, and says so in one line', async () => {
    for (const words of ['plan', 'plan --json', '--help', '--version', 'report --help']) {
      const told = await line(passing, `"$@" ${words} > /dev/full`);
      expect({ words, code: told.code, err: told.err }).toEqual({
        words,
        code: 2,
        err: expect.stringMatching(/^▲ the output could not be written: .*\n$/),
      });
    }
  });

  test('a reader who has seen enough is no failure of what only prints', async () => {
    expect(await line(passing, '"$@" --help | head -1; exit ${PIPESTATUS[0]}')).toMatchObject({ code: 0, err: '' });
  });
});
