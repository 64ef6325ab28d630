import { execFile } from 'node:child_process';
import { existsSync, lstatSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { SluiceError } from '#kernel';
import { openOwnFolder } from './own-folder.ts';

/** Where git is looked for first: before a `PATH` that a project may have put its own programs into. */
const programs = '/usr/local/bin:/usr/bin:/bin';

/** How long git may take to read its index; a large one takes a tenth of a second. */
const gitLimitMs = 10_000;

/**
 * Takes a state folder, which is made when it is not there. Everything in it is read back and believed, so it must be ours: a real folder of this
 * user that nobody else may write to, and not a part of what a commit brings. Anything else is refused in one line.
 * `searchPath`: where else git is looked for.
 */
export async function takeStateFolder(path: string, searchPath = ''): Promise<void> {
  const there = lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  openOwnFolder(path, `remove it, or name another one with --state or SLUICE_STATE`)[Symbol.dispose]();
  if (there) await refuseTracked(path, searchPath);
}

/** Whether a state folder that is there is ours; one that is not there holds nothing to be believed. */
export async function checkStateFolder(path: string, searchPath = ''): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) await takeStateFolder(path, searchPath);
}

async function refuseTracked(path: string, searchPath: string): Promise<void> {
  const [folder, name] = [dirname(path), basename(path)];
  const tracked = await trackedFiles(folder, name, `${programs}:${searchPath}`);
  if (tracked === '') return;
  if (tracked === undefined) {
    if (!inRepository(folder)) return;
    throw new SluiceError('config', `git does not tell whether ${path} came with a commit, so nothing in it can be trusted`, {
      hint: `install git, or remove ${name}`,
    });
  }
  const [first = name] = tracked.split('\0');
  throw new SluiceError('config', `${path} came with a commit (git tracks ${first}), so nothing in it can be trusted`, {
    hint: `git rm -r -q --cached ${name}, add ${name} to .gitignore, and remove the folder`,
  });
}

/** What git tracks at and below a name, NUL-separated; undefined where it cannot be asked. */
function trackedFiles(folder: string, name: string, searchPath: string): Promise<string | undefined> {
  // The repository's own settings may name programs to be run: none of them is.
  const settings = ['-c', 'core.fsmonitor=false', '-c', 'safe.directory=*'];
  const env = { PATH: searchPath, GIT_OPTIONAL_LOCKS: '0', GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null' };
  return new Promise((resolve) => {
    const options = { cwd: folder, env, timeout: gitLimitMs, maxBuffer: 64 * 2 ** 20 };
    execFile('git', [...settings, 'ls-files', '-z', '--cached', '--', `:(literal)${name}`], options, (error, stdout) =>
      resolve(error === null ? stdout : undefined),
    );
  });
}

function inRepository(folder: string): boolean {
  if (existsSync(join(folder, '.git'))) return true;
  const above = dirname(folder);
  return above !== folder && inRepository(above);
}
