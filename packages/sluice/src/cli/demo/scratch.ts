import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import { findPackageJSON } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { SluiceError } from '#kernel';

const execute = promisify(execFile);

/** Somebody who commits. */
export type Author = { readonly name: string; readonly email: string };

/** A folder of the demo's own, with a git repository that holds the exchange. */
export type Scratch = {
  readonly folder: string;
  readonly repository: string;
  /** Where the patches of the later versions lie. */
  readonly patches: string;
};

/** What belongs to the exchange itself; its patches and benchmarks stay behind. */
const left = new Set(['node_modules', 'demo', 'bench', 'reports', '.sluice']);

/** Makes the scratch folder: the exchange in a repository of its own, with the packages that its tests import in it, and what its definition imports beside it. */
export async function makeScratch(exchange: string, packageFolder: string): Promise<Scratch> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-demo-'));
  const repository = join(folder, 'exchange');
  await cp(exchange, repository, { recursive: true, filter: (source) => !left.has(basename(source)) || source === exchange });
  const modules = join(folder, 'node_modules');
  await mkdir(modules);
  await symlink(packageFolder, join(modules, 'sluice'));
  // What its tests import is a part of each commit: jobs see their checkout and nothing beside it.
  const tester = packageOf('fast-check', exchange);
  await cp(tester, join(repository, 'node_modules', 'fast-check'), { recursive: true, dereference: true });
  const random = packageOf('pure-rand', tester, true);
  if (random !== undefined) await cp(random, join(repository, 'node_modules', 'pure-rand'), { recursive: true, dereference: true });
  await writeFile(
    join(repository, '.gitignore'),
    'node_modules/*\n!node_modules/fast-check\n!node_modules/pure-rand\nreports/\n.sluice/\n',
  );
  await git(repository, ['init', '--quiet', '--initial-branch=main']);
  return { folder, repository, patches: join(exchange, 'demo') };
}

function packageOf(name: string, from: string): string;
function packageOf(name: string, from: string, optional: true): string | undefined;
function packageOf(name: string, from: string, optional = false): string | undefined {
  try {
    const manifest = findPackageJSON(name, pathToFileURL(join(from, 'package.json')).href);
    if (manifest !== undefined) return dirname(manifest);
  } catch {
    // Said below, with the way out.
  }
  if (optional) return undefined;
  throw new SluiceError('unavailable', `the tests of the exchange need the package "${name}"`, {
    hint: `npm install ${name}, then run the demo again`,
  });
}

/** Commits everything that changed, as this author, and tags it. */
export async function commit(
  scratch: Scratch,
  change: { readonly author: Author; readonly message: string; readonly tag: string },
): Promise<void> {
  const { author, message, tag } = change;
  const who = {
    GIT_AUTHOR_NAME: author.name,
    GIT_AUTHOR_EMAIL: author.email,
    GIT_COMMITTER_NAME: author.name,
    GIT_COMMITTER_EMAIL: author.email,
  };
  await git(scratch.repository, ['add', '--all']);
  await git(scratch.repository, ['commit', '--quiet', '--message', message], who);
  await git(scratch.repository, ['tag', tag]);
}

/** Applies one of the patches that make the next version of the exchange. */
export async function applyPatch(scratch: Scratch, version: string): Promise<void> {
  await git(scratch.repository, ['apply', join(scratch.patches, `${version}.patch`)]);
}

/** Shortens the watches of the definition, for a demo of about a minute. */
export async function shortenWatches(scratch: Scratch, seconds: number): Promise<void> {
  const path = join(scratch.repository, 'sluice.config.ts');
  const text = await readFile(path, 'utf8');
  const shorter = text.replaceAll(/(step\(percent\(\d+\), seconds\()\d+(?=\)\))/g, `$1${seconds}`);
  if (shorter === text) throw new Error('the definition of the exchange has no watch to shorten');
  await writeFile(path, shorter);
}

async function git(folder: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
  // Nothing of the machine's own git settings reaches the scratch repository: no hooks, no signing, no templates.
  const clean = {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: folder,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TEMPLATE_DIR: '',
  };
  try {
    await execute('git', [...args], { cwd: folder, env: { ...clean, ...env } });
  } catch (cause) {
    const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim().split('\n')[0] : '';
    throw new SluiceError('unavailable', `git ${args[0] ?? ''}: ${said === '' ? 'could not be run' : said}`, {
      hint: 'the demo needs git',
      cause,
    });
  }
}
