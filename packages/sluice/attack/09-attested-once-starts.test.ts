import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { agentRig, answering } from './agent-rig.ts';

/** What a process of the same user can do to a read-only tree. */
function tamper(stateFolder: string, artifact: string, file: string, content: string): void {
  const path = join(stateFolder, 'trees', artifact.slice('sha256:'.length), file);
  chmodSync(path, 0o755);
  writeFileSync(path, content);
}

describe('9 · attested once', () => {
  test('the tree is changed after it was attested and the instance killed: what was changed is never started, and it is told why (I6)', async () => {
    await using rig = await agentRig();
    const order = await rig.order({ 'server.cjs': answering }, { start: ['node', 'server.cjs'], instances: 2 });
    const before = await rig.healthy(order);
    expect(await rig.target.attest(order.service, order.slot)).toMatchObject({ ok: true });
    const proof = join(rig.project, 'evil-ran');
    tamper(rig.stateFolder, order.artifact, 'server.cjs', `require('node:fs').writeFileSync(${JSON.stringify(proof)}, 'x');\n${answering}`);
    process.kill(before.instances[0]?.pid ?? 0, 'SIGKILL');
    const after = await rig.when(order, ({ instances }) => (instances[0]?.restarts ?? 0) > 1 && instances[0]?.state === 'exited');
    expect(after.instances[0]?.note).toMatch(/not started: its artifact on disk was changed: it is \S+, placed was \S+: deploy again/);
    expect(after.instances[0]?.pid).toBeUndefined();
    expect(after.instances[1]).toMatchObject({ state: 'healthy', restarts: 0 });
    expect(existsSync(proof)).toBe(false);
  });

  test('the tree is changed while no agent runs: the next agent starts nothing from it (I6)', async () => {
    await using rig = await agentRig();
    const order = await rig.order({ 'server.cjs': answering }, { start: ['node', 'server.cjs'] });
    const before = await rig.healthy(order);
    process.kill(rig.agent.pid, 'SIGKILL');
    process.kill(before.instances[0]?.pid ?? 0, 'SIGKILL');
    tamper(rig.stateFolder, order.artifact, 'server.cjs', `${answering}// changed`);
    await rig.restart();
    const after = await rig.when(order, ({ instances }) => /not started/.test(instances[0]?.note ?? ''));
    expect(after.instances[0]).toMatchObject({
      state: 'exited',
      note: expect.stringMatching(/its artifact on disk was changed/) as string,
    });
  });

  test('the program of the artifact that is started itself is changed: the same (I6)', async () => {
    await using rig = await agentRig();
    const script = `#!/usr/bin/env node\n${answering}`;
    const order = await rig.order({ server: { executable: script } }, { start: ['./server'] });
    const before = await rig.healthy(order);
    tamper(rig.stateFolder, order.artifact, 'server', `#!/bin/sh\nexec node server.cjs`);
    process.kill(before.instances[0]?.pid ?? 0, 'SIGKILL');
    const after = await rig.when(order, ({ instances }) => /not started/.test(instances[0]?.note ?? ''));
    expect(after.instances[0]).toMatchObject({
      state: 'exited',
      note: expect.stringMatching(/its artifact on disk was changed/) as string,
    });
  });
});
