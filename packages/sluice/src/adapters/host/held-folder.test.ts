import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HeldFolder, nameFromBytes, pathOnDisk, resolveInside, shownPath } from './index.ts';

let root = '';
let project = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sluice-held-'));
  project = join(root, 'project');
  mkdirSync(join(project, 'a/b'), { recursive: true });
  mkdirSync(join(root, 'secret'));
  writeFileSync(join(root, 'secret/key'), 'secret');
  writeFileSync(join(project, 'a/b/key'), 'plain');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function read(folder: HeldFolder, path: string): string {
  const { fd } = folder.openFile(path);
  try {
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

test('a path is walked beneath the folder, and no link on the way is followed', () => {
  using folder = new HeldFolder(project);
  expect([read(folder, 'a/b/key'), folder.list('a').map(({ name }) => name), folder.stats('a/none')]).toEqual(['plain', ['b'], undefined]);
  symlinkSync('../../secret', join(project, 'a/out'));
  symlinkSync('b/key', join(project, 'a/link'));
  expect(() => folder.stats('a/out/key')).toThrow('"a/out" is reached over a link, "a/out"');
  expect(() => folder.openFile('a/link')).toThrow('"a/link" is a link');
  for (const path of ['../secret/key', 'a/../a', 'a//b', '/etc/passwd', '']) expect(() => folder.openFile(path), path).toThrow();
});

test('what is swapped between the way and the look changes nothing that is reached; the next way is walked anew', () => {
  using folder = new HeldFolder(project);
  const place = folder.place('a/b/key');
  renameSync(join(project, 'a/b'), join(project, 'a/c'));
  symlinkSync('../../secret', join(project, 'a/b'));
  expect(readFileSync(place, 'utf8')).toBe('plain');
  expect(() => folder.openFile('a/b/key')).toThrow(/over a link/);
});

test('a pipe, a socket and a folder are refused at once: nothing waits for a writer', () => {
  execFileSync('mkfifo', [join(project, 'pipe')]);
  using folder = new HeldFolder(project);
  expect(() => folder.openFile('pipe')).toThrow('"pipe" is no regular file');
  expect(() => folder.openFile('a')).toThrow('"a" is no regular file');
});

test('folders are made only beneath, and never behind a link', () => {
  using folder = new HeldFolder(project);
  folder.makeFolder('x/y/z');
  expect(existsSync(join(project, 'x/y/z'))).toBe(true);
  symlinkSync('../../secret', join(project, 'x/out'));
  expect(() => folder.makeFolder('x/out/made')).toThrow(/over a link/);
  expect(readdirSync(join(root, 'secret'))).toEqual(['key']);
});

test('links are followed inside, with all that were passed; one that leads out, or in a circle, is refused', () => {
  using folder = new HeldFolder(project);
  const make = (text: string, at: string): void => symlinkSync(text, join(project, at));
  make('a', 'one');
  make('one/b/../b', 'two');
  make(join(project, 'a/b'), 'absolute');
  make('../secret', 'out');
  make('/etc', 'etc');
  make('round', 'round');
  make('a/../..', 'up');
  make('none', 'dangling');
  const lead = (path: string): unknown => {
    const found = resolveInside(folder, project, path);
    return found.kind === 'found'
      ? [found.path, found.links.map((link) => link.path)]
      : found.kind === 'refused'
        ? found.because
        : found.kind;
  };
  expect(lead('two/key')).toEqual(['a/b/key', ['two', 'one']]);
  expect(lead('absolute/key')).toEqual(['a/b/key', ['absolute']]);
  expect(lead('out/key')).toBe('"out/key" leads out of the project, over "out": a link to ../secret');
  expect(lead('etc')).toBe('"etc" leads out of the project: a link to /etc');
  expect(lead('up/project/a')).toMatch(/leads out/);
  expect(lead('../secret')).toBe('"../secret" leads out of the project');
  expect(lead('round')).toMatch(/in a circle/);
  expect([lead('dangling'), lead('a/b/key/x')]).toEqual(['missing', 'missing']);
});

test('every name of bytes has one text and comes back from it; what is text stays as it is', () => {
  for (const bytes of [
    [0x63, 0xe9, 0x2e],
    [0xff, 0xfe],
    [0xc3, 0xa9],
    [0xf0, 0x9f, 0x98],
    [0xef, 0xbf, 0xbd],
    [0x61, 0xc0, 0xaf],
  ]) {
    const name = nameFromBytes(Buffer.from(bytes));
    expect(name.isWellFormed()).toBe(true);
    expect([...Buffer.from(pathOnDisk(name))]).toEqual(bytes);
  }
  expect(nameFromBytes(Buffer.from('größe'))).toBe('größe');
  expect(shownPath(nameFromBytes(Buffer.from([0x63, 0xe9])))).toBe(String.raw`c\xe9`);
  const odd = Buffer.concat([Buffer.from(`${project}/caf`), Buffer.from([0xe9])]);
  writeFileSync(odd, 'coffee');
  using folder = new HeldFolder(project);
  const name = folder.list('').find((entry) => entry.name.startsWith('caf'))?.name ?? '';
  expect([shownPath(name), read(folder, name)]).toEqual([String.raw`caf\xe9`, 'coffee']);
});
