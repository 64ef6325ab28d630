import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { ended, StrangersProject, type Ended } from './runner-rig.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type Signal = (typeof signals)[number];

/** Waits for a fact; the deadline only ends a test that would wait for ever. */
async function eventually(fact: () => boolean, what: string): Promise<void> {
  for (let looks = 0; !fact(); looks += 1) {
    if (looks > 6_000) throw new Error(`${what} never came true`);
    await delay(5);
  }
}

/** As a shell would tell it: a process that a signal ended has 128 and its number. */
const codeOf = ({ code, signal }: Ended): number | null => (signal === null ? code : 128 + constants.signals[signal]);

/** A place where a command waits: the jobs, and what tells that it is there. */
type Place = {
  readonly jobs: string;
  readonly there: (project: StrangersProject, said: () => string) => boolean;
  /** What must be before the command starts. */
  readonly before?: (project: StrangersProject) => Promise<() => Promise<void>>;
};

const up = (project: StrangersProject): boolean => existsSync(join(project.path, 'up'));
const service = (ready: string): string =>
  `x: job({ run: 'true', services: { api: command({ run: 'echo > up; exec sleep 1000', ready: ${ready} }) } })`;

const places: Readonly<Record<string, Place>> = {
  'a definition that waits for ever': {
    jobs: `...(await new Promise(() => { console.error('there'); setInterval(() => {}, 1000); }))`,
    there: (_, said) => said().includes('there'),
  },
  'a definition that computes for ever': {
    jobs: `...(() => { console.error('there'); for (;;); })()`,
    there: (_, said) => said().includes('there'),
  },
  'waiting for another run of the folder': {
    jobs: `x: job({ run: 'echo > up; exec sleep 1000' })`,
    before: async (project) => {
      const first = project.start(['run']);
      const over = ended(first);
      await eventually(() => up(project), 'the first run');
      return async () => {
        first.kill('SIGTERM');
        await over;
      };
    },
    there: (_, said) => said().includes('works in this folder; waiting for it'),
  },
  'a job': { jobs: `x: job({ run: 'echo > up; exec sleep 1000' })`, there: up },
  'a job that hands over its output through a pipe': {
    jobs: `x: job({ run: 'echo > up; exec sleep 1000', secrets: ['TOKEN'] })`,
    there: up,
  },
  'the start of a service that opens no port': { jobs: service(`port(9, { timeout: minutes(60) })`), there: up },
  'the start of a service whose readiness command does not end': {
    jobs: service(`succeeds('echo > probed; exec sleep 1000', { timeout: minutes(60) })`),
    there: (project) => existsSync(join(project.path, 'probed')),
  },
  'a service and its job': {
    jobs: `x: job({ run: 'echo > up; exec sleep 1000', services: { api: command({ run: 'echo ready; exec sleep 1000', ready: logLine('ready') }) } })`,
    there: up,
  },
};

const nobodyIsLeft = (project: StrangersProject): boolean =>
  readdirSync('/proc').every((pid) => {
    if (!/^\d+$/.test(pid)) return true;
    try {
      return !readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`HOME=${project.path}\0`) && !isOf(pid, project);
    } catch {
      return true;
    }
  });

const isOf = (pid: string, project: StrangersProject): boolean => {
  const runs = join(project.path, '.sluice', 'runs');
  const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
  return existsSync(runs) && readdirSync(runs).some((run) => environment.includes(`SLUICE_TASK=${run}.`));
};

describe('24 · interrupts in odd moments', () => {
  const start = (project: StrangersProject): ChildProcess => project.start(['run'], { env: { ...project.env, TOKEN: 'hunter22' } });

  describe.each(Object.entries(places))('%s', (_, { jobs, there, before }) => {
    test.each(signals)('%s ends it with its own exit code and leaves nothing running (I13)', async (signal: Signal) => {
      using project = new StrangersProject(jobs);
      const after = await before?.(project);
      const child = start(project);
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes: Buffer) => (said += bytes.toString()));
      const over = ended(child);
      await eventually(() => there(project, () => said), 'the place');
      child.kill(signal);
      const told = await over;
      expect(codeOf(told)).toBe(128 + constants.signals[signal]);
      expect(told.err).not.toMatch(/bug in Sluice|\n\s+at /);
      await after?.();
      expect(nobodyIsLeft(project)).toBe(true);
    });
  });

  test.each(signals)('%s at the very end of a job, before its outputs are stored, restored or judged', async (signal: Signal) => {
    using project = new StrangersProject(
      `a: job({ run: 'mkdir -p out; date > out/file; kill -s ${signal.slice(3)} $PPID', inputs: ['in'], outputs: ['out'] }),
       b: job({ run: 'true', needs: ['a'] })`,
    );
    project.write('in', '');
    const told = await project.sluice('run');
    expect(codeOf(told)).toBe(128 + constants.signals[signal]);
    expect(told.err).not.toMatch(/bug in Sluice/);
  });

  test.each(signals)('a second %s ends a job that listens to nothing', async (signal: Signal) => {
    using project = new StrangersProject(`x: job({ run: 'trap "" TERM INT HUP; echo > up; while :; do sleep 1000; done' })`);
    const child = start(project);
    let said = '';
    child.stdout?.on('data', (bytes: Buffer) => (said += bytes.toString()));
    const over = ended(child);
    await eventually(() => up(project), 'the job');
    child.kill(signal);
    await eventually(() => said.includes('stopping'), 'the first signal heard');
    child.kill(signal);
    expect(codeOf(await over)).toBe(128 + constants.signals[signal]);
    expect(nobodyIsLeft(project)).toBe(true);
  });
});
