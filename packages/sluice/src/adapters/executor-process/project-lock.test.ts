import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { identifyProcess, isRunning, systemClock } from '#host';
import { lockProject, type Holder } from './project-lock.ts';
import { TestProject } from './run-rig.ts';

const options = {
  clock: systemClock,
  signal: AbortSignal.timeout(20_000),
  onWaiting: () => {
    throw new Error('it waits');
  },
  onLeftovers: () => {
    throw new Error('it ended somebody');
  },
};

test('after a restart of the machine nobody is taken for the holder of a project, nor for what its run left, by an old number (I13)', async () => {
  using project = new TestProject();
  const stranger = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore' });
  await once(stranger, 'spawn');
  const identity = identifyProcess(stranger.pid ?? 0)!;
  try {
    const folder = join(project.path, '.sluice', 'runs', 'old');
    const scratch = join(project.path, 'scratch');
    for (const made of [folder, scratch]) mkdirSync(made, { recursive: true });
    const entries = [
      { type: 'job-began', job: 'job', effect: false },
      { type: 'process-began', job: 'job', ...identity },
    ];
    writeFileSync(join(folder, 'journal.jsonl'), entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    // The numbers are those of a process that runs now, start time included: only the start of the machine tells them apart.
    const before: Holder = { runId: 'old', folder, scratch, owner: identity, boot: 'before' };
    writeFileSync(join(project.path, '.sluice', 'run.lock'), JSON.stringify(before));
    const owner = identifyProcess(process.pid)!;
    const free = await lockProject(project.path, { runId: 'new', folder, scratch: '/nowhere', owner, boot: 'now' }, options);
    free();
    expect(isRunning(identity)).toBe(true);
    expect(existsSync(scratch)).toBe(false);
  } finally {
    stranger.kill('SIGKILL');
  }
});
