import { expect, test } from 'vitest';
import { noSandbox, openSandbox, proveSandbox } from './index.ts';

test.each(['bubblewrap', 'namespaces'] as const)('%s holds against everything that is tried', async (only) => {
  const sandbox = await openSandbox({ path: '/usr/bin:/bin', home: '/root', only });
  expect(sandbox.isolation).toBe(only);
  expect(await proveSandbox(sandbox)).toMatchObject({ broken: [] });
});

test('without walls most of it works, so that the proof proves something, and nothing of it is left behind', async () => {
  const { tried, broken } = await proveSandbox(noSandbox('nobody asked'));
  expect(tried).toContain('read a secret');
  expect(broken).toEqual(
    expect.arrayContaining([
      'read a secret',
      'signal a process',
      'see processes',
      'open a Unix socket',
      'open a TCP port',
      'leave a process behind',
    ]),
  );
});

test('a sandbox in which nothing starts is no sandbox', async () => {
  const sandbox = noSandbox('nobody asked');
  const mute = {
    ...sandbox,
    confine: () => sandbox.confine({ command: '/bin/true', args: [], cwd: '/', env: {} }, { mounts: [], network: 'none', limits: {} }),
  };
  expect(await proveSandbox(mute)).toMatchObject({ broken: ['say anything'] });
});
