import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { openSandbox } from '#sandbox';
import { StrangersProject } from './runner-rig.ts';

const path = '/usr/local/bin:/usr/bin:/bin';
const { isolation } = await openSandbox({ path, home: homedir() });

/** Zombies of this machine, by the name that they had. */
const zombies = (name: string): number =>
  readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/stat`, 'latin1').includes(`(${name}) Z `);
    } catch {
      return false;
    }
  }).length;

/** Sets the title, clears the screen, moves up, and turns the text around. */
const sequence = String.raw`\033]0;owned\007\033[2J\033[5A\342\200\256gnihtemos\r`;

/** Characters that a terminal acts on instead of showing them: controls but line ends, and what turns text around. */
const acting = (text: string): readonly string[] =>
  Array.from(text).filter((char) => char !== '\n' && /[\p{Cc}\p{Bidi_Control}]/u.test(char));

describe('44 · zombies and terminals', () => {
  test.runIf(isolation !== 'none')(
    'two hundred children that a job waits for never leave nothing behind, not even zombies (I13)',
    async () => {
      const name = `zed${process.pid}`;
      using project = new StrangersProject(
        `x: job({ run: 'cp /bin/true /tmp/${name}; sh -c "i=0; while [ \\\\$i -lt 200 ]; do /tmp/${name} & i=\\\\$((i+1)); done; exec sleep 1000" & sleep 1' })`,
      );
      expect(await project.sluice('run', '--sandbox')).toMatchObject({ code: 0 });
      expect(zombies(name)).toBe(0);
    },
  );

  test('what a failing job prints is shown on the terminal and in the report, and not executed there', async () => {
    using project = new StrangersProject(`x: job({ run: ${JSON.stringify(`printf '${sequence}'; exit 3`)} })`);
    const told = [await project.sluice('run'), await project.sluice('report'), await project.sluice('run', '--json')];
    for (const { out, err } of told) {
      expect(out).toContain('owned');
      expect(acting(out + err)).toEqual([]);
    }
  });

  test('nor what a commit says of itself, in its subject and in the names of what it defines', async () => {
    using project = new StrangersProject(`x: job({ run: 'true' })`);
    project.commit('sluice.config.ts');
    const subject = `fine\u001B[2J\u202Edesrever`;
    const who = ['-c', 'user.name=stranger', '-c', 'user.email=stranger@example.org'];
    spawnSync('git', [...who, 'commit', '-q', '--allow-empty', '-m', subject], { cwd: project.path });
    const { out } = await project.sluice('run');
    expect(out).toContain('fine');
    expect(acting(out)).toEqual([]);
    project.write(
      'sluice.config.ts',
      `import { defineDelivery, job } from 'sluice'; export default defineDelivery({ name: 'x\\u001B[2J', jobs: { 'a\\u001B]0;b': job({ run: 'true' }) } });`,
    );
    const refused = await project.sluice('run');
    expect(refused.code).toBe(2);
    expect(acting(refused.out + refused.err)).toEqual([]);
  });
});
