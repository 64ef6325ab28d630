import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openPrivateFolder, systemClock } from '#host';
import { endLeftovers } from './leftovers.ts';
import { readProc, startOf } from './proc.ts';
import { RunBook } from './run-book.ts';
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
    using folder = openPrivateFolder();
    const book = new RunBook(folder);
    const owner = { pid: 2 ** 22 + 1, startTicks: 0 };
    const page = book.open({ runId: 'dead', folder: join(project.path, 'run'), owner });
    page.add({ pid: leader, startTicks: startOf(leader)! - 1 });
    expect(await endLeftovers(book.find(page.name)!, book, systemClock)).toBe(0);
    expect(existsSync(page.scratch)).toBe(false);
    expect(readProc(member)).toMatchObject({ ...stranger, group: leader });
  } finally {
    if (startOf(member) === stranger.startTicks) process.kill(member, 'SIGKILL');
    parent.kill('SIGKILL');
  }
});
