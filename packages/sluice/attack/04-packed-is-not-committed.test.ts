import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { service } from '#define';
import { releaseDigest } from '#release';
import { gitSource } from '#source-git';
import { localArtifacts } from '../src/pipeline-runner.ts';

describe('4 · packed is not committed', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'sluice-attack-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  type Files = Readonly<Record<string, string>>;
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', join(root, 'shop'), '-c', 'user.name=Dana', '-c', 'user.email=dana@example.com', ...args], {
      encoding: 'utf8',
    }).trim();

  /** A repository with one commit, checked out as the control plane does it. */
  async function checkedOut(files: Files): Promise<{ readonly commit: string; readonly folder: string }> {
    mkdirSync(join(root, 'shop'));
    git('init', '-q');
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, 'shop', path)), { recursive: true });
      writeFileSync(join(root, 'shop', path), text);
    }
    git('add', '-A');
    git('commit', '-qm', 'first');
    const commit = git('rev-parse', 'HEAD');
    const folder = join(root, 'checkout');
    const made = await gitSource(join(root, 'shop')).checkout(commit, folder);
    if (!made.ok) throw made.error;
    return { commit, folder };
  }

  async function build(
    at: { readonly commit: string; readonly folder: string },
    outputs: readonly string[] = [],
    files = ['src', 'run.sh'],
  ) {
    const { signal } = new AbortController();
    const built = await localArtifacts(join(root, 'state'), join(root, 'shop')).build({
      name: 'api',
      service: service({ start: ['node', 'src/main.js'], files }),
      outputs: outputs.map((path) => ({ job: 'compile', path })),
      signal,
      ...at,
    });
    return built.ok ? built.value : built.error.message;
  }

  const files = { 'src/main.js': 'serve()\n', 'src/link.js': '', 'run.sh': 'exec node src/main.js\n' };

  test('a job that rewrites, adds, removes or marks a source file makes the release refuse, with its path', async () => {
    const at = await checkedOut(files);
    const path = (name: string): string => join(at.folder, name);
    const spoil: Readonly<Record<string, readonly [() => void, () => void]>> = {
      '"src/main.js" is not as in commit': [
        () => writeFileSync(path('src/main.js'), 'steal()\n'),
        () => writeFileSync(path('src/main.js'), files['src/main.js']),
      ],
      '"src/more.js" is not in commit': [() => writeFileSync(path('src/more.js'), ''), () => rmSync(path('src/more.js'))],
      '"src/link.js" is in commit': [() => rmSync(path('src/link.js')), () => writeFileSync(path('src/link.js'), '')],
      'its mode is 100755 and was 100644': [() => chmodSync(path('run.sh'), 0o755), () => chmodSync(path('run.sh'), 0o644)],
      'its mode is 120000 and was 100644': [
        () => (rmSync(path('src/link.js')), symlinkSync('main.js', path('src/link.js'))),
        () => (rmSync(path('src/link.js')), writeFileSync(path('src/link.js'), '')),
      ],
    };
    for (const [message, [change, back]] of Object.entries(spoil)) {
      change();
      expect(await build(at)).toContain(message);
      back();
    }
    expect(await build(at)).toMatchObject({ contents: { tracked: 3, generated: [] } });
  });

  test('what a job makes is declared, and then the release names it: count, size and digest, in its own digest', async () => {
    const at = await checkedOut(files);
    mkdirSync(join(at.folder, 'dist'));
    writeFileSync(join(at.folder, 'dist/main.js'), 'compiled');
    expect(await build(at, [], ['src', 'dist'])).toMatch(/"dist\/main\.js" is not in commit [0-9a-f]{7}\. Declare it as an output/);
    const first = await build(at, ['dist'], ['src', 'dist']);
    expect(first).toMatchObject({ contents: { tracked: 2, generated: [{ output: 'dist', job: 'compile', files: 1, bytes: 8 }] } });
    writeFileSync(join(at.folder, 'dist/main.js'), 'stealing');
    const second = await build(at, ['dist'], ['src', 'dist']);
    if (typeof first === 'string' || typeof second === 'string') throw new Error('not packed');
    const digests = [first, second].map(({ artifact, contents }) =>
      releaseDigest({
        artifacts: { api: { artifact: first.artifact, executable: artifact, generated: contents?.generated ?? [] } },
        config: {},
        parameters: {},
        flags: {},
        limits: {},
        schemaChanges: [],
      }),
    );
    expect(new Set(digests).size).toBe(2);
  });

  test('the folder of a source file swapped for a link is not followed', async () => {
    const at = await checkedOut(files);
    renameSync(join(at.folder, 'src'), join(root, 'elsewhere'));
    symlinkSync(join(root, 'elsewhere'), join(at.folder, 'src'));
    expect(await build(at)).toMatch(/is not relative|over a link/);
  });

  test('a commit whose attributes or repository settings convert files gives them as committed all the same', async () => {
    mkdirSync(join(root, 'shop'));
    git('init', '-q');
    const marker = join(root, 'filtered');
    git('config', 'filter.evil.smudge', `touch ${marker}; cat`);
    writeFileSync(join(root, 'shop/.gitattributes'), '*.js text eol=crlf ident filter=evil\n*.txt working-tree-encoding=UTF-16\n');
    const at = await checkedOutAgain({ 'src/main.js': '// $Id$\nserve()\n', 'src/a.txt': 'text\n' });
    expect(readFileSync(join(at.folder, 'src/main.js'), 'utf8')).toBe('// $Id$\nserve()\n');
    expect(await build(at, [], ['src'])).toMatchObject({ contents: { tracked: 2 } });
    expect(() => readFileSync(marker)).toThrow();
  });

  /** As above, in a repository that is there. */
  async function checkedOutAgain(more: Files): Promise<{ readonly commit: string; readonly folder: string }> {
    for (const [path, text] of Object.entries(more)) {
      mkdirSync(dirname(join(root, 'shop', path)), { recursive: true });
      const id = execFileSync('git', ['-C', join(root, 'shop'), 'hash-object', '-w', '--stdin', '--no-filters'], {
        input: text,
        encoding: 'utf8',
      }).trim();
      git('update-index', '--add', '--cacheinfo', `100644,${id},${path}`);
    }
    git('update-index', '--add', '.gitattributes');
    git('commit', '-qm', 'first');
    const commit = git('rev-parse', 'HEAD');
    const folder = join(root, 'checkout');
    const made = await gitSource(join(root, 'shop')).checkout(commit, folder);
    if (!made.ok) throw made.error;
    return { commit, folder };
  }
});
