import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { identifyProcess, isRunning, systemClock } from '#host';
import { lockProject, type Holder } from './project-lock.ts';
import { statePlace } from './project-state.ts';
import { TestProject } from './run-rig.ts';

const dead: string[] = [];
const options = {
  clock: systemClock,
  signal: AbortSignal.timeout(20_000),
  onWaiting: () => {
    throw new Error('it waits');
  },
  onDead: async ({ runId }: Holder) => void dead.push(runId),
};

test('after a restart of the machine nobody is taken for the holder of a project by an old number (I13)', async () => {
  using project = new TestProject();
  const stranger = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
  await once(stranger, 'spawn');
  const identity = identifyProcess(stranger.pid ?? 0)!;
  try {
    const { lock } = statePlace(project.path, undefined);
    mkdirSync(dirname(lock));
    // The numbers are those of a process that runs now, start time included: only the start of the machine tells them apart.
    const before: Holder = { runId: 'old', owner: identity, world: 'before' };
    writeFileSync(lock, JSON.stringify(before));
    const owner = identifyProcess(process.pid)!;
    const free = await lockProject(lock, { runId: 'new', owner, world: 'now' }, options);
    free();
    expect(dead).toEqual(['old']);
    expect(isRunning(identity)).toBe(true);
  } finally {
    stranger.kill('SIGKILL');
  }
});

test('who waits for a project stops waiting when it is asked to, with the reason it was given', async () => {
  using project = new TestProject();
  const { lock } = statePlace(project.path, undefined);
  mkdirSync(dirname(lock));
  const owner = identifyProcess(process.pid)!;
  const free = await lockProject(lock, { runId: 'first', owner, world: 'now' }, options);
  const stop = new AbortController();
  const reason = new Error('SIGTERM');
  const waiting = lockProject(
    lock,
    { runId: 'second', owner, world: 'now' },
    { ...options, signal: stop.signal, onWaiting: () => stop.abort(reason) },
  );
  await expect(waiting).rejects.toMatchObject({ cause: reason });
  free();
});
