import { copyFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { allHealthy } from '#rollout';
import { agentRig, answering, type AgentRig, type Executable } from './agent-rig.ts';

type Case = {
  readonly name: string;
  readonly start: readonly [string, ...string[]];
  readonly files?: Readonly<Record<string, string | Executable>>;
};

const script = (text: string): Executable => ({ executable: text });

/** Each of these starts a service on any machine; what runs in the end is node. */
const cases: readonly Case[] = [
  { name: 'env node x', start: ['env', 'node', 'server.cjs'] },
  { name: 'env with variables and options', start: ['/usr/bin/env', '-u', 'NOTHING', 'A=1', 'node', 'server.cjs'] },
  { name: 'nice node x', start: ['nice', '-n', '5', 'node', 'server.cjs'] },
  { name: 'sh -c exec', start: ['sh', '-c', 'exec node server.cjs'] },
  { name: 'sh -ec with more before it', start: ['sh', '-ec', 'export A=1; cd . && exec env node server.cjs'] },
  { name: 'sh run.sh', start: ['sh', 'run.sh'], files: { 'run.sh': 'set -e\nexec node server.cjs "$@"\n' } },
  { name: './run.sh', start: ['./run.sh'], files: { 'run.sh': script('#!/bin/sh\nexec node server.cjs\n') } },
  {
    name: './run.sh that becomes its arguments',
    start: ['./run.sh', 'node', 'server.cjs'],
    files: { 'run.sh': script('#!/bin/sh\nset -e\nexec "$@"\n') },
  },
  {
    name: 'a script that calls a script',
    start: ['./a.sh'],
    files: { 'a.sh': script('#!/bin/sh\nexec ./b.sh\n'), 'b.sh': script('#!/usr/bin/env sh\nexec node server.cjs\n') },
  },
  { name: 'a script of node itself', start: ['./server'], files: { server: script(`#!/usr/bin/env node\n${answering}`) } },
  {
    name: 'one way or the other',
    start: ['sh', 'run.sh'],
    files: { 'run.sh': 'if [ -n "$A" ]; then exec node other.cjs; else exec node server.cjs; fi\n' },
  },
  { name: 'a shell that stays', start: ['sh', 'run.sh'], files: { 'run.sh': 'A=1\nnode server.cjs\n' } },
];

const files = { 'server.cjs': answering };

async function attests(rig: AgentRig, start: Case['start'], more: Case['files'] = {}): Promise<void> {
  const order = await rig.order({ ...files, ...more }, { start });
  const status = await rig.healthy(order);
  expect(allHealthy({ instances: 1 } as Parameters<typeof allHealthy>[0], status.instances)).toBe(true);
  expect(await rig.target.attest(order.service, order.slot)).toMatchObject({
    ok: true,
    value: [{ artifact: order.artifact, executable: order.executable }],
  });
}

describe('29 · what may start', () => {
  let rig: AgentRig;
  beforeAll(async () => {
    rig = await agentRig();
  });
  afterEach(() => rig.target.retire('test/api', 'blue', 'attack'));
  afterAll(() => rig[Symbol.asyncDispose]());

  test.each(cases)('$name: what it becomes is what was approved (I6)', ({ start, files: more }) => attests(rig, start, more));

  test('./server, a compiled program of the artifact, is attested as a part of it', async () => {
    // A real binary: the Node of this machine, packed.
    const order = await rig.order(files, { start: ['node', 'server.cjs'] });
    copyFileSync(realpathSync(process.execPath), join(rig.project, 'server'));
    const packed = await rig.packed(['server', 'server.cjs']);
    const executable = await rig.target.resolveExecutable(['./server', 'server.cjs'], packed);
    if (!executable.ok) throw new Error(executable.error.message);
    const own = { ...order, ...packed, executable: executable.value, start: ['./server', 'server.cjs'] as const };
    await rig.healthy(own);
    expect(await rig.target.attest('test/api', 'blue')).toMatchObject({
      ok: true,
      value: [{ executable: own.executable, artifact: own.artifact }],
    });
  });

  test.each([
    [
      'a program that depends on a variable',
      ['sh', '-c', 'exec $JAVA -jar x'] as const,
      {},
      /depends on a variable and cannot be told before it runs: name it/,
    ],
    ['a script that is not packed', ['sh', 'run.sh'] as const, {}, /the script "run\.sh" is not in the artifact: add it to files/],
    ['a program that is not there', ['sh', '-c', 'exec nodee x'] as const, {}, /"nodee" was not found/],
    [
      'a script of somebody else',
      ['node', '../outside.cjs'] as const,
      { '../outside.cjs': '' },
      /lies outside of the artifact and would run without a digest/,
    ],
    ['a circle', ['./a.sh'] as const, { 'a.sh': script('#!/bin/sh\nexec ./a.sh\n') }, /programs become one another/],
    [
      'scripts that name one another without end',
      ['./a.sh'] as const,
      { 'a.sh': script(`#!/bin/sh\n${'exec ./b.sh\n'.repeat(300)}`), 'b.sh': script(`#!/bin/sh\n${'exec node server.cjs\n'.repeat(300)}`) },
      /ways to start lead from it/,
    ],
    ['nothing to become', ['env', 'A=1'] as const, {}, /env is given no program to become/],
  ])('%s is refused when the release is made, with what to write instead', async (_, start, more, says) => {
    const inside = Object.fromEntries(Object.entries(more).filter(([name]) => !name.startsWith('..')));
    await rig.write('.sluice/trees/outside.cjs', answering);
    await expect(rig.order({ ...files, ...inside }, { start })).rejects.toThrow(says);
  });

  test('what runs in the end is another program than the one approved: told with both names (I6)', async () => {
    // The text says node; what a shell finds under that name is what the definition's own PATH leads to.
    const order = await rig.order(
      { ...files, 'bin/node': script('#!/bin/sh\nwhile :; do sleep 1; done\n'), 'run.sh': 'exec node server.cjs\n' },
      {
        start: ['sh', 'run.sh'],
        env: { PATH: 'bin:/usr/bin:/bin' },
        health: { kind: 'connect', interval: 50, timeout: 50, rise: 1, fall: 3 } as never,
      },
    );
    const placed = await rig.target.place(order);
    expect(placed.ok).toBe(true);
    await rig.when(order, ({ instances }) => instances[0]?.pid !== undefined);
    await expect
      .poll(
        async () => {
          const attested = await rig.target.attest('test/api', 'blue');
          const [one] = attested.ok ? attested.value : [];
          return (
            one !== undefined &&
            one.executable !== order.executable &&
            one.program?.runs !== undefined &&
            one.program.ordered.includes('node')
          );
        },
        { timeout: 30_000 },
      )
      .toBe(true);
  });
});
