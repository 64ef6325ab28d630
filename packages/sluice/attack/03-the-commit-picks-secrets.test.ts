import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadConfigIsolated } from '#config-file';
import type { Delivery } from '#define';
import { ok } from '#kernel';
import { engineRig } from '../src/workflow/fixtures/engine-rig.ts';
import { api, delivery } from '../src/workflow/fixtures/world.ts';
import { CommitRig, passingGate, passingReport } from './commit-rig.ts';

describe('3 · the commit picks secrets', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-attack-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('a definition of a commit that looks into its environment finds none of ours (I11)', async () => {
    process.env['SLUICE_ATTACK_SECRET'] = 'hunter2';
    try {
      writeFileSync(
        join(folder, 'sluice.config.ts'),
        `import { defineDelivery, job } from 'sluice';
         const seen = process.env['SLUICE_ATTACK_SECRET'] ?? 'nothing';
         export default defineDelivery({ name: 'x', jobs: { [seen]: job({ run: 'true' }) } });`,
      );
      expect(await loadConfigIsolated(folder)).toMatchObject({ ok: true, value: { delivery: { jobs: { nothing: {} } } } });
    } finally {
      delete process.env['SLUICE_ATTACK_SECRET'];
    }
  });

  const main = ['refs/heads/main'];
  const env = { DB_PASSWORD: 'correct horse battery', CLOUD_KEY: 'of the machine itself' };
  /** A commit whose job writes what it finds in a variable where it can be read later, one character a line: the mask is not what holds here. */
  const asking = (name: string, more = `secrets: { ${name}: grant({ jobs: ['work'] }) },`) =>
    `{ name: 'x', ${more} jobs: { work: job({ run: ['sh', '-c', ${passingReport.replace(/'$/, `; printf %s "$${name}" | fold -w 1 > found.txt'`)}], secrets: ['${name}'], reports: [junit('report.xml')] }) }, ${passingGate} }`;

  test.each([
    ['a variable of the environment of serve', {}],
    ['a secret that another job is given', { CLOUD_KEY: { jobs: ['publish'], services: [], environments: [] } }],
    ['a secret that only a service is given', { CLOUD_KEY: { jobs: [], services: ['work'], environments: ['production'] } }],
  ])('a commit that names %s and grants it to itself is refused in one line, and nothing of it runs', async (_, grants) => {
    using rig = new CommitRig();
    const ran = await rig.run({ grants, env, refs: main, definition: asking('CLOUD_KEY') });
    expect([ran.outcome, ran.said]).toEqual([
      undefined,
      expect.stringMatching(/^job "work" asks for the secret CLOUD_KEY, which .* does not grant to it$/),
    ]);
    expect(() => ran.read('found.txt')).toThrow('ENOENT');
  });

  test('the code of a pull request never meets a secret that is granted: its commit is on no protected branch, whatever the branch is called', async () => {
    using rig = new CommitRig();
    const grants = { DB_PASSWORD: { jobs: ['work'], services: [], environments: [] } };
    for (const refs of [
      ['refs/heads/feature'],
      ['refs/heads/refs/heads/main'],
      ['refs/heads/main/x'],
      ['refs/remotes/fork/main'],
      ['refs/tags/main'],
      [],
    ]) {
      const ran = await rig.run({ grants, env, refs, definition: asking('DB_PASSWORD') });
      expect([refs, ran.outcome, ran.said]).toEqual([refs, undefined, expect.stringContaining('which only commits on main are given')]);
    }
    const merged = await rig.run({ grants, env, refs: [...main, 'refs/heads/feature'], definition: asking('DB_PASSWORD') });
    expect(merged.read('found.txt').replaceAll('\n', '')).toBe(env.DB_PASSWORD);
  });

  test('a definition that names a secret without a grant is refused where it is written, also on a laptop', async () => {
    using rig = new CommitRig();
    const ran = await rig.run({ env, refs: main, definition: asking('CLOUD_KEY', '') });
    expect(ran.said).toContain('"CLOUD_KEY" is not granted to it. Add secrets: { CLOUD_KEY: grant({ jobs: ["work"] }) }');
  });

  test.each([
    ['of another service', 'api', 'staging', ['refs/heads/main'], 'does not grant to it'],
    ['of another environment', 'engine', 'staging', ['refs/heads/main'], 'does not grant to it'],
    ['with a commit that is on no protected branch', 'feed', 'staging', ['refs/heads/feature'], 'which only commits on main are given'],
  ])('a service that names a secret %s is never started (I11)', async (_, service, environment, refs, says) => {
    const greedy = { ...api, secrets: ['ENGINE_KEY'] };
    const serving: Delivery = {
      ...delivery,
      secrets: {
        ENGINE_KEY: { jobs: [], services: ['engine', 'feed'], environments: service === 'feed' ? ['staging'] : ['production'] },
      },
    };
    await using rig = await engineRig({
      delivery: serving,
      ports: (made) => ({
        source: { ...made.source, refsOf: async () => ok(refs) },
        pipelines: {
          run: async (order) => {
            const passed = await made.pipelines.run(order);
            return passed.ok ? ok({ ...passed.value, services: { [service]: greedy } }) : passed;
          },
        },
      }),
    });
    const asked = await rig.deploy(service, 'v1.0.0', environment);
    await expect(rig.reach(asked, 'rolling-out', 'live')).rejects.toThrow(says);
    const slots = await rig.edge.target.observe(`${environment}/${service}`, 'blue');
    expect(slots.ok && slots.value.instances).toEqual([]);
  });
});
