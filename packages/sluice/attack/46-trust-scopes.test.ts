import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { liesOn, signApproval } from '#access';
import { systemClock } from '#host';
import { ok } from '#kernel';
import { gitSource } from '#source-git';
import type { CommitTrust } from '#workflow';
import { engineRig } from '../src/workflow/fixtures/engine-rig.ts';
import { foundersOf } from '../src/workflow/fixtures/people.ts';
import { CommitRig, passingGate, passingReport } from './commit-rig.ts';
import { somebody } from './people-rig.ts';

/** A repository that others push to, with one commit on `main`. */
function repository(): Disposable & {
  readonly folder: string;
  readonly git: (...args: readonly string[]) => string;
  readonly commit: (on: string) => string;
} {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-attack-'));
  const people = { GIT_AUTHOR_NAME: 'A', GIT_AUTHOR_EMAIL: 'a@example.com', GIT_COMMITTER_NAME: 'A', GIT_COMMITTER_EMAIL: 'a@example.com' };
  const git = (...args: readonly string[]): string =>
    execFileSync('git', ['-C', folder, ...args], {
      env: { ...people, PATH: process.env['PATH'] ?? '' },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  git('init', '--quiet', '--initial-branch=main');
  let count = 0;
  const commit = (on: string): string => {
    const tree = git('write-tree');
    count += 1;
    const sha = git('commit-tree', tree, '-m', `change ${count}`);
    git('update-ref', on, sha);
    return sha;
  };
  writeFileSync(join(folder, 'a.txt'), 'a');
  git('add', '.');
  git('commit', '--quiet', '--message=first');
  return { folder, git, commit, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

describe('46 · trust scopes', () => {
  test.each([
    'refs/heads/feature',
    'refs/heads/refs/heads/main',
    'refs/heads/origin/main',
    'refs/remotes/origin/main',
    'refs/tags/main',
    'refs/pull/1/head',
  ])('a commit that was pushed to %s alone is not one of the default branch', async (ref) => {
    using place = repository();
    const source = gitSource(place.folder);
    const trusted = await source.defaultRefs();
    const sha = place.commit(ref);
    const refs = await source.refsOf(sha);
    if (!trusted.ok || !refs.ok) throw new Error('git did not answer');
    expect([refs.value, liesOn(refs.value, trusted.value)]).toEqual([[ref], false]);
    const head = await source.refsOf(place.git('rev-parse', 'refs/heads/main'));
    expect(head.ok && liesOn(head.value, trusted.value)).toBe(true);
  });

  test('in a clone the default branch is that of the remote, not the one that somebody switched the working tree to', async () => {
    using hub = repository();
    using place = repository();
    place.git('remote', 'add', 'origin', hub.folder);
    place.git('fetch', '--quiet', 'origin');
    place.git('symbolic-ref', 'refs/remotes/origin/HEAD', 'refs/remotes/origin/main');
    place.git('switch', '--quiet', '--create', 'feature');
    expect(await gitSource(place.folder).defaultRefs()).toEqual({ ok: true, value: ['refs/heads/main', 'refs/remotes/origin/main'] });
  });

  test('an environment that asks for approvals takes no commit of another branch, and nothing of it runs', async () => {
    let ran = 0;
    await using rig = await engineRig({
      ports: (made) => ({
        source: { ...made.source, refsOf: async () => ok(['refs/heads/feature']) },
        pipelines: {
          run: async (order) => {
            ran += 1;
            return made.pipelines.run(order);
          },
        },
      }),
    });
    const asked = await rig.deploy('api', 'v1.0.0', 'production');
    await expect(rig.reach(asked, 'waiting-approval', 'live')).rejects.toThrow(
      'production takes commits on main only; 76312e3 is on feature',
    );
    expect(ran).toBe(0);
    // Where nobody is asked for, anything may be tried.
    await rig.reach(await rig.deploy('api', 'v1.0.0', 'staging'), 'live');
    // And from there it does not come to production either.
    await expect(rig.reach(await rig.deploy('api', 'v1.0.0', 'production'), 'waiting-approval', 'live')).rejects.toThrow(
      'takes commits on main only',
    );
  });

  test('a branch that is taken back between the signatures and the rollout takes its release with it', async () => {
    let refs = ['refs/heads/main'];
    await using rig = await engineRig({ ports: (made) => ({ source: { ...made.source, refsOf: async () => ok(refs) } }) });
    const [ada, ben] = [somebody('ada', ['trading']), somebody('ben', ['risk'])];
    expect(await rig.engine.register.found(foundersOf(ada, ben, somebody('dana')))).toMatchObject({ ok: true });
    await rig.reach(await rig.deploy('api', 'v1.0.0', 'staging'), 'live');
    const asked = await rig.deploy('api', 'v1.0.0', 'production');
    await rig.reach(asked, 'waiting-approval');
    const { id } = asked.request;
    const view = await rig.engine.approvalView(id);
    if (!view.ok) throw view.error;
    refs = [];
    for (const { person, seed } of [ada, ben]) {
      const statement = { subject: view.value.subject, expiresAt: systemClock.now() + 3_600_000 };
      const signature = signApproval(seed, { ...statement, deployment: id });
      expect((await rig.engine.approve(id, { ...statement, person: person.id, signature }, 'request-2')).ok).toBe(true);
    }
    await expect(rig.reach(asked, 'rolling-out', 'live')).rejects.toThrow('is on no branch');
  });

  test('what a pull request leaves in the cache is read by no commit of a protected branch; the other way round it is (I12)', async () => {
    using rig = new CommitRig();
    // The job reads a file that it does not declare: the key of both commits is the same.
    const definition = `{ name: 'x', jobs: { work: job({ run: ['sh', '-c', ${passingReport.replace(/'$/, `; cat in.txt undeclared.txt > out.txt'`)}], inputs: ['in.txt'], outputs: ['out.txt'], reports: [junit('report.xml')] }) }, ${passingGate} }`;
    const pull = { refs: ['refs/heads/pull'], definition, files: { 'in.txt': 'in ', 'undeclared.txt': 'poison' } };
    const trusted = { refs: ['refs/heads/main'], definition, files: { 'in.txt': 'in ', 'undeclared.txt': 'clean' } };
    expect((await rig.run(pull)).read('out.txt')).toBe('in poison');
    const onMain = await rig.run(trusted);
    expect([onMain.outcome?.jobs.cached, onMain.read('out.txt')]).toEqual([0, 'in clean']);
    const again = await rig.run(trusted);
    expect([again.outcome?.jobs.cached, again.read('out.txt')]).toEqual([1, 'in clean']);
    using fresh = new CommitRig();
    await fresh.run(trusted);
    const reading = await fresh.run(pull);
    expect([reading.outcome?.jobs.cached, reading.read('out.txt')]).toEqual([1, 'in clean']);
  });

  test('a release that was made while its commit was on no protected branch is made again before it counts for one', async () => {
    let refs = ['refs/heads/feature'];
    const scopes: boolean[] = [];
    await using rig = await engineRig({
      ports: (made) => ({
        source: { ...made.source, refsOf: async () => ok(refs) },
        pipelines: {
          run: async (order: { readonly trust: CommitTrust } & Parameters<typeof made.pipelines.run>[0]) => {
            scopes.push(order.trust.isProtected);
            return made.pipelines.run(order);
          },
        },
      }),
    });
    await rig.reach(await rig.deploy('api', 'v1.0.0', 'staging'), 'live');
    refs = ['refs/heads/feature', 'refs/heads/main'];
    const merged = await rig.deploy('engine', 'v1.0.0', 'staging');
    await rig.reach(merged, 'live');
    expect(scopes).toEqual([false, true]);
    const releases = await rig.engine.releases(10);
    expect(releases.ok && releases.value.at(0)?.scope).toBe('protected');
    await rig.reach(await rig.deploy('feed', 'v1.0.0', 'staging'), 'live');
    expect(scopes).toEqual([false, true]);
  });
});
