import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { git, linkPackage } from './fixtures/project.ts';
import { startProbe } from './fixtures/probe.ts';
import { kill, processesOf, Rig, until } from './rig.ts';

test('a service of one’s own is rolled out by what init writes, and comes back with the control plane and the database dead (I2, I3, I7)', async () => {
  await using rig = new Rig({ empty: true });
  linkPackage(rig.folder);
  const inited = await rig.sluice('init', '--service');
  expect(inited).toMatchObject({ code: 0, err: '' });
  const name = /sluice deploy (\S+) HEAD/.exec(inited.out)?.[1] ?? '';
  expect(basename(rig.folder).toLowerCase()).toBe(name);
  // A canary of three seconds a step is right for a first look, and too long for a test.
  const config = join(rig.folder, 'sluice.config.ts');
  writeFileSync(config, readFileSync(config, 'utf8').replaceAll('seconds(3)', 'seconds(1)'));
  git(rig.folder, 'init', '-q');
  git(rig.folder, 'add', '.');
  git(rig.folder, 'commit', '-qm', 'first version');
  const serving = await rig.serve();

  const first = await rig.sluice('deploy', name, 'HEAD');
  expect(first).toMatchObject({ code: 0, err: '' });
  const before = await rig.status();
  await using probe = startProbe(before.listen ?? '');
  await until('it answers', async () => probe.answers.length > 0);

  const program = join(rig.folder, 'service.mjs');
  writeFileSync(
    program,
    readFileSync(program, 'utf8').replace('version: SLUICE_VERSION });\n  else', 'version: SLUICE_VERSION, again: true });\n  else'),
  );
  git(rig.folder, 'commit', '-qam', 'greet again');
  const second = await rig.sluice('deploy', name, 'HEAD');
  expect(second).toMatchObject({ code: 0, err: '' });
  const after = await rig.status();
  expect(after.live?.version).not.toBe(before.live?.version);
  await until('the new version answers', async () => lastVersion(probe.answers) === after.live?.version);

  await kill(serving.child.pid);
  await kill(await rig.postmaster());
  const reverted = await rig.sluice('revert', name, '--reason', 'the desk does not like it', '--json');
  const revertedAt = Date.now();
  expect(reverted).toMatchObject({ code: 0, err: '' });
  await until('the old version answers', async () => lastVersion(probe.answers) === before.live?.version);

  await rig.serve();
  const deployment = await until('the deployment is known as reverted', async () => {
    const [latest] = await (await rig.client()).deployments({ service: name });
    return latest?.state === 'reverted' && latest;
  });
  const journaled = await until('the revert is in the record', async () =>
    rig.record().find((entry) => entry.type === 'revert.journaled' && entry.body.deploymentId === deployment.id),
  );
  // It carries the time of the revert, which nobody could write down then.
  expect(Date.parse(journaled.type === 'revert.journaled' ? journaled.body.happenedAt : '')).toBeLessThanOrEqual(revertedAt);
  expect(Date.parse(journaled.at)).toBeGreaterThan(revertedAt);
  await until('status shows no gap in the record', async () => (await rig.status()).pendingReverts === 0);
  expect((await rig.status()).live?.version).toBe(before.live?.version);
  expect((await rig.sluice('ledger', 'verify')).code).toBe(0);
  expect(probe.answers.filter((answer) => 'failure' in answer)).toEqual([]);

  const down = await rig.sluice('down');
  expect(down).toMatchObject({ code: 0, err: '' });
  expect(processesOf(rig.folder)).toEqual([]);
});

function lastVersion(answers: readonly ({ readonly version: string } | { readonly failure: string })[]): string | undefined {
  const last = answers.at(-1);
  return last !== undefined && 'version' in last ? last.version : undefined;
}
