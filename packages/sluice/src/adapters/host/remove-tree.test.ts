import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { removeTree } from './index.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-remove-'));
});
afterEach(() => removeTree(folder));

/** Root may empty every folder: as root this is done as the user "nobody". */
const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
const module = fileURLToPath(new URL('remove-tree.ts', import.meta.url));
const mayRead = spawnSync('/usr/bin/test', ['-r', module], nobody).status === 0;

test.runIf(mayRead)('read-only folders are removed with all that is in them, and nothing that a link in them leads to', () => {
  const outside = join(folder, 'outside');
  mkdirSync(join(outside, 'shared'), { recursive: true });
  writeFileSync(join(outside, 'shared', 'file'), 'theirs');
  chmodSync(join(outside, 'shared'), 0o555);
  const place = join(folder, 'place');
  const tree = join(place, 'tree');
  mkdirSync(join(tree, 'a/b'), { recursive: true });
  writeFileSync(join(tree, 'a/b/file'), '');
  symlinkSync(join(outside, 'shared'), join(tree, 'a/b/link'));
  const folders = [folder, place, outside, join(outside, 'shared'), tree, join(tree, 'a'), join(tree, 'a/b')];
  if (nobody.uid !== undefined) for (const one of folders) chownSync(one, nobody.uid, nobody.gid);
  for (const one of ['tree/a/b', 'tree/a', 'tree']) chmodSync(join(place, one), 0o500);
  const script = 'const { removeTree } = await import(process.argv[1]); removeTree(process.argv[2]);';
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script, module, tree], {
    ...nobody,
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(readdirSync(place)).toEqual([]);
  expect(statSync(join(outside, 'shared')).mode & 0o777).toBe(0o555);
  expect(readdirSync(join(outside, 'shared'))).toEqual(['file']);
});
