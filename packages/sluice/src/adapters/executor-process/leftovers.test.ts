import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '#host';
import { endLeftovers } from './leftovers.ts';
import { readProc, startOf } from './proc.ts';
import { TestProject } from './run-rig.ts';

test('I13: a stranger in a group whose number a dead job had is not ended, also when its leader is a zombie', async () => {
  using project = new TestProject();
  // The parent becomes a program that waits for nobody, so the leader stays a zombie once it has started its child.
  const script = `setsid sh -c 'sleep 1000 >&- & echo $$ $!' & exec sleep 1000 >&-`;
  const parent = spawn('/bin/sh', ['-c', script], { cwd: '/', env: {}, stdio: ['ignore', 'pipe', 'ignore'] });
  let told = '';
  parent.stdout.on('data', (bytes: Buffer) => (told += bytes.toString()));
  await new Promise((resolve) => parent.stdout.once('end', resolve));
  const [leader = 0, member = 0] = told.split(' ').map(Number);
  const stranger = { pid: member, startTicks: startOf(member) };
  try {
    const folder = join(project.path, 'run');
    mkdirSync(folder);
    const entries = [
      { type: 'job-began', job: 'job', attempt: 1 },
      { type: 'process-began', job: 'job', pid: leader, startTicks: startOf(leader)! - 1 },
    ];
    writeFileSync(join(folder, 'journal.jsonl'), entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    expect(await endLeftovers({ runId: 'dead', folder, scratch: join(project.path, 'scratch') }, systemClock)).toBe(0);
    expect(readProc(member)).toMatchObject({ ...stranger, group: leader });
  } finally {
    if (startOf(member) === stranger.startTicks) process.kill(member, 'SIGKILL');
    parent.kill('SIGKILL');
  }
});
