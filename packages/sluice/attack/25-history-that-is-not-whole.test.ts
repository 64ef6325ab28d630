import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gitSource } from '#source-git';

describe('25 · history that is not whole', () => {
  let folder = '';
  let origin = '';
  const as = (name: string) => ({
    PATH: process.env['PATH'] ?? '',
    GIT_AUTHOR_NAME: name,
    GIT_AUTHOR_EMAIL: `${name}@example.com`,
    GIT_COMMITTER_NAME: name,
    GIT_COMMITTER_EMAIL: `${name}@example.com`,
  });
  const git = (repository: string, name: string, ...args: readonly string[]): string =>
    execFileSync('git', ['-C', repository, ...args], { env: as(name), encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-attack-'));
    origin = join(folder, 'origin');
    execFileSync('git', ['init', '--quiet', '--initial-branch=main', origin]);
    for (const [name, tag] of [
      ['dana', 'v1'],
      ['erin', 'v2'],
      ['finn', 'v3'],
    ] as const) {
      git(origin, name, 'commit', '--quiet', '--allow-empty', `--message=by ${name}`);
      git(origin, name, 'tag', tag);
    }
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Who is said to have made what lies between; or the refusal and its way out. */
  async function made(repository: string, from: string | undefined, to: string): Promise<readonly string[] | string> {
    const found = await gitSource(repository).between(from, to);
    return found.ok
      ? found.value.map(({ authorEmail }) => authorEmail.replace('@example.com', ''))
      : `${found.error.message} → ${found.error.hint}`;
  }

  test('of a clone with --depth 1 nobody is said to have made anything, until it is completed (C04)', async () => {
    const clone = join(folder, 'shallow');
    execFileSync('git', ['clone', '--quiet', '--depth=1', '--branch=v3', `file://${origin}`, clone], { stdio: 'ignore' });
    expect(await made(clone, undefined, 'v3')).toMatch(/the history is not whole.*→ git -C \S+ fetch --unshallow/);
    git(clone, 'finn', 'fetch', '--quiet', '--tags', '--unshallow');
    expect(await made(clone, 'v1', 'v3')).toEqual(['finn', 'erin']);
  });

  test('a clone that was cut just behind the live release still says who made the rest; cut just before it, it does not', async () => {
    const clone = join(folder, 'cut');
    execFileSync('git', ['clone', '--quiet', '--depth=2', `file://${origin}`, clone], { stdio: 'ignore' });
    expect(await made(clone, 'HEAD~1', 'HEAD')).toEqual(['finn']);
    writeFileSync(join(clone, '.git', 'shallow'), `${git(clone, 'finn', 'rev-parse', 'HEAD')}\n`);
    expect(await made(clone, undefined, 'HEAD')).toMatch(/fetch --unshallow/);
  });

  test('grafts, replacements and a lying commit graph make nobody disappear (C04)', async () => {
    const clone = join(folder, 'grafted');
    execFileSync('git', ['clone', '--quiet', `file://${origin}`, clone], { stdio: 'ignore' });
    const [newest, oldest] = [git(clone, 'finn', 'rev-parse', 'v3'), git(clone, 'finn', 'rev-parse', 'v1')];
    // Grafts say that v3 came straight after v1; the commit graph is written while they do.
    writeFileSync(join(clone, '.git', 'info', 'grafts'), `${newest} ${oldest}\n`);
    expect(await made(clone, 'v1', 'v3')).toEqual(['finn', 'erin']);
    rmSync(join(clone, '.git', 'info', 'grafts'));
    git(clone, 'finn', 'replace', '--graft', newest, oldest);
    expect(git(clone, 'finn', 'log', '--format=%ae', 'v1..v3')).not.toContain('erin');
    expect(await made(clone, 'v1', 'v3')).toEqual(['finn', 'erin']);
  });

  test('an object that is gone from the middle blocks', async () => {
    const clone = join(folder, 'holed');
    execFileSync('git', ['clone', '--quiet', '--no-hardlinks', origin, clone], { stdio: 'ignore' });
    const erins = git(clone, 'finn', 'rev-parse', 'v2');
    rmSync(join(clone, '.git', 'objects', erins.slice(0, 2), erins.slice(2)));
    expect(await made(clone, undefined, 'v3')).toMatch(/→ git fsck/);
  });
});
