import { copyFileSync, existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { problemOfAttestations } from '#rollout';
import { agentRig } from './agent-rig.ts';

/** Answers with what `require('planted')` gives, or with "none" when there is nothing of that name. */
const wants = `const found = (() => { try { return require('planted'); } catch { return 'none'; } })();
require('node:http').createServer((_, answer) => answer.end(String(found))).listen(Number(process.env.PORT), process.env.HOST);
process.on('SIGTERM', () => process.exit(0));\n`;

describe('10 · outside of the digest', () => {
  test('packages of the operator above the state folder, or in the home folder of the user, are not found by an instance', async () => {
    await using rig = await agentRig();
    await rig.write('node_modules/planted/index.js', "module.exports = 'from the project'");
    await rig.write('.sluice/node_modules/planted/index.js', "module.exports = 'from the state folder'");
    const order = await rig.order({ 'server.cjs': wants }, { start: ['node', 'server.cjs'] });
    await rig.healthy(order);
    expect(await rig.target.probe('test/api', 'blue', '/')).toMatchObject({ ok: true, value: [{ body: 'none' }] });
    const attested = await rig.target.attest('test/api', 'blue');
    expect(attested.ok && attested.value[0]?.foreign).toBeUndefined();
  });

  test('a folder of packages that comes to lie above an artifact later is told, and nothing is started below it', async () => {
    await using rig = await agentRig({ isolation: 'none' });
    const order = await rig.order({ 'server.cjs': wants }, { start: ['node', 'server.cjs'] });
    const before = await rig.healthy(order);
    await rig.write('node_modules/planted/index.js', "module.exports = 'planted'");
    const attested = await rig.target.attest('test/api', 'blue');
    const foreign = attested.ok ? attested.value[0]?.foreign : undefined;
    expect(foreign).toEqual([join(rig.project, 'node_modules')]);
    const plan = { instances: 1, artifact: order.artifact, executable: order.executable, version: order.version };
    expect(problemOfAttestations(plan as Parameters<typeof problemOfAttestations>[0], attested.ok ? attested.value : [])).toMatch(
      /has code from outside of its artifact in reach: .*node_modules/,
    );
    process.kill(before.instances[0]?.pid ?? 0, 'SIGKILL');
    await rig.when(order, ({ instances }) => /not started: .*node_modules lies above its artifact/.test(instances[0]?.note ?? ''));
  });

  test('a library that was loaded from elsewhere is a finding: no weight moves to such an instance (I6)', async () => {
    await using rig = await agentRig({ isolation: 'none' });
    // Any library of this machine does, once it lies where no system does.
    const library = [
      '/lib/x86_64-linux-gnu/libz.so.1',
      '/usr/lib/x86_64-linux-gnu/libm.so.6',
      '/lib/aarch64-linux-gnu/libm.so.6',
      '/lib64/libm.so.6',
    ].find(existsSync);
    if (library === undefined) return;
    const planted = join(dirname(rig.project), 'planted.so');
    copyFileSync(realpathSync(library), planted);
    const order = await rig.order({ 'server.cjs': wants }, { start: ['node', 'server.cjs'], env: { LD_PRELOAD: planted } });
    await rig.healthy(order);
    const attested = await rig.target.attest('test/api', 'blue');
    expect(attested.ok && attested.value[0]?.foreign).toEqual([planted]);
  });
});
