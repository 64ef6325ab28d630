import { execFile } from 'node:child_process';
import { devNull } from 'node:os';

/** What a call of git came to. */
export type GitAnswer = { readonly code: number; readonly stdout: Buffer; readonly stderr: string };

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
  // Parents are those of the commits themselves, and no list of trailers or of people is the repository's.
  'core.commitGraph=false',
  'log.mailmap=false',
  'trailer.separators=:=',
  'i18n.logOutputEncoding=UTF-8',
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
  GIT_GRAFT_FILE: devNull,
  GIT_NO_LAZY_FETCH: '1',
};

/** What a call of git gets besides its arguments. */
type GitInput = { readonly env?: Readonly<Record<string, string>>; readonly input?: string };

/** Runs git in a repository, without a shell. Arguments that come from outside stand after `--end-of-options`. */
export function git(repository: string, args: readonly string[], { env = {}, input }: GitInput = {}): Promise<GitAnswer> {
  return new Promise((resolve) => {
    const child = execFile(
      'git',
      ['-C', repository, ...safe, ...args],
      { env: { ...environment, ...env }, maxBuffer: MOST_OUTPUT, encoding: 'buffer' },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ code, stdout, stderr: error !== null && code === -1 ? error.message : stderr.toString('utf8') });
      },
    );
    // It may have ended before it read everything; its answer says why.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}
