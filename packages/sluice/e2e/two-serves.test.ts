import { expect, test } from 'vitest';
import { commitVersion } from './fixtures/project.ts';
import { startProbe } from './fixtures/probe.ts';
import { kill, processesOf, Rig, until } from './rig.ts';

test('two control planes on one state folder and one database: one is killed in a rollout, the other finishes it, and commands find it (I4, I14)', async () => {
  await using rig = new Rig();
  commitVersion(rig.folder, 'v1.0.0');
  const other = await rig.serve();
  expect(await rig.sluice('deploy', 'desk', 'v1.0.0')).toMatchObject({ code: 0, err: '' });
  const driving = await rig.steered();
  const about = await (await rig.client()).about();
  expect(about.pid).toBe(driving.child.pid);
  await using probe = startProbe((await rig.status()).listen ?? '');

  commitVersion(rig.folder, 'v1.1.0');
  driving.tell('hold watch');
  const [asked] = await (await rig.client()).deploy({ services: ['desk'], ref: 'v1.1.0', environment: 'local' });
  await until('half of the traffic is on the new version', async () => driving.said().includes('at watch\n'));
  await kill(driving.child.pid);

  await until('commands find the one that lives', async () => (await (await rig.client()).about()).pid === other.child.pid);
  const finished = await until('it finishes the rollout', async () =>
    rig.record().find((entry) => entry.type === 'rollout.finished' && entry.subject.id === asked?.id),
  );
  expect(finished.outcome).toBe('succeeded');
  expect((await rig.status()).live?.version).toBe('v1.1.0');
  expect(rig.record().filter((entry) => entry.type === 'rollout.finished' && entry.subject.id === asked?.id)).toHaveLength(1);
  expect(probe.answers.filter((answer) => 'failure' in answer)).toEqual([]);
  expect(await rig.sluice('ledger', 'verify')).toMatchObject({ code: 0 });

  // Down ends whatever serves the folder, however many they are.
  await rig.serve();
  expect(await rig.sluice('down')).toMatchObject({ code: 0, err: '' });
  expect(processesOf(rig.folder)).toEqual([]);
});

test('of two control planes the one that stops leaves the other to be found', async () => {
  await using rig = new Rig();
  commitVersion(rig.folder, 'v1.0.0');
  const first = await rig.serve();
  const second = await rig.serve();
  second.child.kill('SIGTERM');
  await until('it left', async () => second.child.exitCode !== null);
  expect(second.child.exitCode).toBe(0);
  await until('the first is found', async () => (await (await rig.client()).about()).pid === first.child.pid);
});
