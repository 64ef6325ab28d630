import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { programFolders } from './program-folders.ts';

let home = '';
beforeEach(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-home-')));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const put = (...files: readonly string[]): void => {
  for (const file of files) {
    const path = join(home, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, file === 'sdk/jdk/release' ? 'JAVA_VERSION="21"' : '');
    chmodSync(path, 0o755);
  }
};

/** What is seen for this PATH, below the home folder. */
const seen = (...folders: readonly string[]): readonly string[] =>
  programFolders({ path: folders.map((each) => (each.startsWith('/') ? each : join(home, each))).join(':'), home }).map((sight) => {
    if (sight.kind === 'link') return `${sight.path.slice(home.length + 1)} -> ${sight.target.replace(`${home}/`, '')}`;
    if (sight.kind === 'same') return sight.path;
    return `${sight.to.slice(home.length + 1)}${sight.from === sight.to ? '' : ` covered by ${sight.from}`}`;
  });

test('the system, and folders that hold everything, bring nothing', () => {
  put('bin/x');
  expect(seen('/usr/bin', '/bin', '/', '/home', '/tmp', '/etc', '/proc/self', '/no/such', 'relative', '.', home, dirname(home))).toEqual(
    [],
  );
});

test('a program that was installed for itself comes with what lies beside its bin, by name', () => {
  put(
    '.nvm/versions/node/v24/bin/node',
    '.nvm/versions/node/v24/lib/node_modules/npm/x',
    '.nvm/versions/node/v24/etc/npmrc',
    '.nvm/versions/node/v24/src/x',
    '.nvm/alias/x',
  );
  expect(seen('.nvm/versions/node/v24/bin').toSorted()).toEqual(['.nvm/versions/node/v24/bin', '.nvm/versions/node/v24/lib']);
});

test('a JDK is known by its release file, and comes with its configuration', () => {
  put('sdk/jdk/bin/java', 'sdk/jdk/release', 'sdk/jdk/conf/security', 'sdk/other/bin/x', 'sdk/other/conf/secrets');
  expect(seen('sdk/jdk/bin', 'sdk/other/bin').toSorted()).toEqual(['sdk/jdk/bin', 'sdk/jdk/conf', 'sdk/jdk/release', 'sdk/other/bin']);
});

test('of a folder in which a user keeps all kinds of things, nothing but parts of programs', () => {
  put(
    '.local/bin/x',
    '.local/lib/python/x',
    '.local/share/keyrings/login',
    '.cargo/bin/cargo',
    '.cargo/credentials.toml',
    '.cargo/registry/x',
    'bin/x',
    'lib/x',
    'src/x',
  );
  expect(seen('.local/bin', '.cargo/bin', 'bin').toSorted()).toEqual(['.cargo/bin', '.local/bin', '.local/lib', 'bin', 'lib']);
});

test('links in it bring what they lead to, and nothing around it', () => {
  put(
    '.local/bin/own',
    'apps/tool/tool',
    'apps/tool/secret',
    'venvs/black/bin/black',
    'venvs/black/lib/x',
    'venvs/black/pyvenv.cfg',
    'venvs/other/x',
    '.ssh/id',
  );
  symlinkSync('../../apps/tool/tool', join(home, '.local/bin/tool'));
  symlinkSync(join(home, 'venvs/black/bin/black'), join(home, '.local/bin/black'));
  symlinkSync('/etc/shadow', join(home, '.local/bin/shadow'));
  symlinkSync('nowhere', join(home, '.local/bin/broken'));
  expect(seen('.local/bin').toSorted()).toEqual([
    '.local/bin',
    'apps/tool/tool',
    'venvs/black/bin',
    'venvs/black/lib',
    'venvs/black/pyvenv.cfg',
  ]);
});

test('node_modules/.bin brings its packages', () => {
  put('project/node_modules/tool/cli.js', 'project/secret');
  mkdirSync(join(home, 'project/node_modules/.bin'));
  symlinkSync('../tool/cli.js', join(home, 'project/node_modules/.bin/tool'));
  expect(seen('project/node_modules/.bin')).toEqual(['project/node_modules']);
});

test('a folder that PATH names by a link is found under that name, too', () => {
  put('tools/v2/bin/x');
  symlinkSync('v2/bin', join(home, 'tools/current'));
  expect(seen('tools/current')).toEqual(['tools/v2/bin', 'tools/current -> tools/v2/bin']);
});

test('a private file beside programs is covered', () => {
  put('bin/x');
  writeFileSync(join(home, 'bin/token'), 'secret', { mode: 0o600 });
  expect(seen('bin')).toEqual(['bin', 'bin/token covered by /dev/null']);
});
