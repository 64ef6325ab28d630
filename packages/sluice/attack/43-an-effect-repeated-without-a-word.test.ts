import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { spawn } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { ended, sluiceWords, StrangersProject, type Ended } from './runner-rig.ts';

const jobs = `
  before: job({ run: 'true' }),
  pay: job({ run: 'echo paid >> effect.log', effect: true, needs: ['before'] }),
  after: job({ run: 'true', needs: ['pay'] }),
`;
const hook = pathToFileURL(join(import.meta.dirname, 'killed-at-call.ts')).href;

async function run(project: StrangersProject, env: Readonly<Record<string, string>>): Promise<Ended> {
  const [program = '', ...words] = sluiceWords;
  const hooked = Object.keys(env).length === 0 ? [] : ['--import', hook];
  const child = spawn(program, [...hooked, ...words, 'run'], {
    cwd: project.path,
    env: { ...project.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return await ended(child);
}

/** How often the effect happened. */
function paid(project: StrangersProject): number {
  const log = join(project.path, 'effect.log');
  return existsSync(log) ? readFileSync(log, 'utf8').split('\n').length - 1 : 0;
}

/** How many projects are killed side by side: two runs each for some fifty calls take a while. */
const lanes = 3;

describe('43 · an effect repeated without a word', () => {
  test('a runner that is killed at any of its calls, from before the effect to its last one, is followed by a run that does not repeat it silently (I4)', async () => {
    using first = new StrangersProject(jobs);
    const log = join(first.path, 'calls.log');
    expect(await run(first, { KILL_LOG: log })).toMatchObject({ code: 0 });
    expect(paid(first)).toBe(1);
    const calls = readFileSync(log, 'utf8').trim().split('\n');
    const from = calls.findIndex((call) => call.includes('/effects')) + 1;
    expect(from).toBeGreaterThan(1);
    expect(calls.length - from).toBeGreaterThan(30);

    const seen = new Set<string>();
    const killAt = async (project: StrangersProject, at: number): Promise<void> => {
      for (const left of ['.sluice', 'effect.log']) rmSync(join(project.path, left), { recursive: true, force: true });
      const killed = await run(project, { KILL_AT: String(at) });
      const wasTold = killed.out.includes('pass in');
      const { out, code } = await run(project, {});
      const times = paid(project);
      const what = `killed before call ${at}, ${calls[at - 1]}: ${times} times; the next run said: ${out}`;
      // Once at most; twice only where the first run had told its end to whoever started the second.
      expect(times, what).toBeLessThanOrEqual(wasTold ? 2 : 1);
      if (times === 0 || code !== 0) expect(out, what).toMatch(/began it at/);
      if (wasTold) seen.add('told');
      else if (/began it at/.test(out)) seen.add('a doubt');
      else seen.add(/did it and was cut off/.test(out) ? 'not repeated, and said so' : 'done by the second run');
    };
    const lane = async (number: number): Promise<void> => {
      using project = new StrangersProject(jobs);
      for (let at = from + number; at <= calls.length; at += lanes) await killAt(project, at);
    };
    await Promise.all(Array.from({ length: lanes }, async (_, number) => lane(number)));
    expect(seen).toEqual(new Set(['done by the second run', 'a doubt', 'not repeated, and said so', 'told']));
  }, 400_000);
});
