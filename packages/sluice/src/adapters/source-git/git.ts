import { execFile } from 'node:child_process';
import { devNull } from 'node:os';

/** What a call of git came to. */
export type GitAnswer = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Large histories are read in one go: 200,000 commits of a page each. */
const MOST_OUTPUT = 256 * 1024 * 1024;

/**
 * A repository's own configuration may name programs to run; ours overrules it: no hooks, no pager, no file-system monitor, no transport but local files, and no
 * line ends other than the committed ones. Nobody is asked for a password.
 */
const safe = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.pager=cat',
  'core.attributesFile=/dev/null',
  'protocol.allow=never',
  'protocol.file.allow=always',
  'gc.auto=0',
  'maintenance.auto=false',
  'submodule.recurse=false',
  'safe.directory=*',
  'log.showSignature=false',
  'diff.external=',
  'core.quotePath=false',
  'core.autocrlf=false',
  'core.eol=lf',
].flatMap((setting) => ['-c', setting]);

const environment = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: devNull,
  GIT_TERMINAL_PROMPT: '0',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_NO_REPLACE_OBJECTS: '1',
  GIT_NO_LAZY_FETCH: '1',
};

/** Runs git in a repository, without a shell. Arguments that come from outside stand after `--end-of-options`. */
export function git(repository: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<GitAnswer> {
  return new Promise((resolve) => {
    execFile(
      'git',
      ['-C', repository, ...safe, ...args],
      { env: { ...environment, ...env }, maxBuffer: MOST_OUTPUT, encoding: 'utf8' },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ code, stdout, stderr: error !== null && code === -1 ? error.message : stderr });
      },
    );
  });
}
