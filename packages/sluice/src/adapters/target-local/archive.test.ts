import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { digestOf, type Digest } from '#kernel';
import { archiveEnd, headerOf, paddingAfter, type ArchiveEntry } from './archive-format.ts';
import { measureTree, packArtifact, type PackedArtifact } from './archive.ts';
import { extractArchive, removeTree } from './extract.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-archive-'));
});
afterEach(async () => {
  await removeTree(folder);
  await rm(folder, { recursive: true, force: true });
});

function project(files: Readonly<Record<string, string>>, name = 'project'): string {
  const root = join(folder, name);
  mkdirSync(root, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

async function pack(root: string, globs: readonly string[] = ['**']): Promise<PackedArtifact> {
  const packed = await packArtifact(root, globs, join(folder, 'out'), { label: 'services.api.files' });
  if (!packed.ok) throw new Error(packed.error.message);
  return packed.value;
}

async function packProblem(root: string, globs: readonly string[]): Promise<string> {
  const packed = await packArtifact(root, globs, join(folder, 'out'), { label: 'services.api.files' });
  return packed.ok ? 'packed' : packed.error.message;
}

describe('packing', () => {
  test('the same files give the same bytes, whatever their times, owners and modes and the order on disk', async () => {
    const one = project({ 'src/b.js': 'b', 'src/a.js': 'a', 'main.js': 'm' }, 'one');
    const other = project({ 'main.js': 'm', 'src/a.js': 'a', 'src/b.js': 'b' }, 'other');
    utimesSync(join(other, 'src/a.js'), 1, 1);
    chmodSync(join(other, 'main.js'), 0o600);
    const [a, b] = [await pack(one), await pack(other)];
    expect(b.digest).toBe(a.digest);
    expect(a.digest).toBe(digestOf(readFileSync(a.path)));
    expect(a.files.toSorted()).toEqual(['main.js', 'src/a.js', 'src/b.js']);
  });

  test('a name, a byte, an executable bit, a link and a folder each change the digest', async () => {
    const root = project({ 'a/x': '1', 'b/y': '2' });
    const digests = [(await pack(root)).digest];
    const change = async (how: () => void): Promise<void> => {
      how();
      digests.push((await pack(root)).digest);
    };
    await change(() => writeFileSync(join(root, 'a/x'), '3'));
    await change(() => chmodSync(join(root, 'a/x'), 0o755));
    await change(() => writeFileSync(join(root, 'a/z'), ''));
    await change(() => symlinkSync('../b/y', join(root, 'a/l')));
    expect(new Set(digests).size).toBe(5);
  });

  test('any tar reads it', async (context) => {
    const packed = await pack(project({ 'a/x': 'content', [`${'long/'.repeat(40)}name`]: 'deep' }));
    const listed = spawnSync('tar', ['-tf', packed.path], { encoding: 'utf8' });
    if (listed.error !== undefined) return context.skip('this machine has no tar');
    expect(listed.stdout.split('\n')).toEqual(expect.arrayContaining(['a/x', `${'long/'.repeat(40)}name`]));
    return undefined;
  });

  test('a pattern that matches nothing is told with its place', async () => {
    expect(await packProblem(project({ 'src/api/a.js': '' }), ['src/api/**', 'src/apo/**'])).toBe(
      'services.api.files[1]: "src/apo/**" matches no file',
    );
  });

  test('a folder without files matches nothing', async () => {
    const root = project({ a: '' });
    mkdirSync(join(root, 'empty'));
    expect(await packProblem(root, ['empty/**'])).toMatch(/matches no file/);
  });

  test('a folder name means all below it, .git and .sluice never go in', async () => {
    const root = project({ 'src/a.js': '', 'src/a.test.js': '', '.git/config': '', 'src/.env': '', 'src/.sluice/x': '' });
    expect((await pack(root, ['src'])).files.toSorted()).toEqual(['src/.env', 'src/a.js', 'src/a.test.js']);
    expect(await packProblem(root, ['.git/config'])).toMatch(/matches no file/);
    expect((await pack(root, ['**'])).files.toSorted()).toEqual(['src/.env', 'src/a.js', 'src/a.test.js']);
  });

  test('links that lead out, absolute ones, and patterns that lead out are refused', async () => {
    const root = project({ a: '' });
    expect(await packProblem(root, ['../**'])).toMatch(/leads out of the project/);
    symlinkSync('../secret', join(root, 'out'));
    expect(await packProblem(root, ['**'])).toBe('the link out -> ../secret leads out of the artifact');
    symlinkSync('/etc/passwd', join(root, 'absolute'));
    expect(await packProblem(root, ['absolute'])).toMatch(/is not relative/);
  });
});

describe('extracting', () => {
  const trees = (): string => join(folder, 'trees');

  test('gives a read-only tree whose measurement is the digest of the archive', async () => {
    const root = project({ 'bin/run': '#!/bin/sh', 'lib/a.js': 'a', [`${'d'.repeat(90)}/${'n'.repeat(120)}`]: 'long' });
    chmodSync(join(root, 'bin/run'), 0o755);
    symlinkSync('../lib/a.js', join(root, 'bin/link'));
    const packed = await pack(root);
    const extracted = await extractArchive(packed.path, packed.digest, trees());
    expect(extracted).toEqual({ ok: true, value: join(trees(), packed.digest.slice(7)) });
    const tree = extracted.ok ? extracted.value : '';
    expect(await measureTree(tree)).toBe(packed.digest);
    expect(['.', 'bin', 'bin/run', 'lib/a.js'].map((path) => lstatSync(join(tree, path)).mode & 0o777)).toEqual([
      0o555, 0o555, 0o555, 0o444,
    ]);
    expect(readlinkSync(join(tree, 'bin/link'))).toBe('../lib/a.js');
  });

  test('any tree of files survives packing, extracting and measuring', async () => {
    const name = fc.stringMatching(/^[a-zA-Z0-9ü€.-]{1,12}$/).filter((text) => !/^\.+$/.test(text) && text !== '.git');
    const files = fc.dictionary(
      fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.map((part, at) => `${at}${part}`).join('/')),
      fc.string(),
      { minKeys: 1, maxKeys: 8 },
    );
    let run = 0;
    await fc.assert(
      fc.asyncProperty(files, async (given) => {
        const paths = Object.keys(given);
        fc.pre(!paths.some((path) => paths.some((other) => other.startsWith(`${path}/`))));
        run += 1;
        const packed = await pack(project(given, `p${run}`));
        const extracted = await extractArchive(packed.path, packed.digest, join(folder, `t${run}`));
        if (!extracted.ok) throw new Error(extracted.error.message);
        for (const [path, content] of Object.entries(given))
          expect(readFileSync(join(extracted.value, path), 'utf8')).toBe(Buffer.from(content).toString('utf8'));
        expect(await measureTree(extracted.value)).toBe(packed.digest);
      }),
      { numRuns: 40 },
    );
  });

  test('no flipped byte and no cut is extracted, and nothing is left of the attempt', async () => {
    const packed = await pack(project({ 'a/x': 'some content', b: 'more' }));
    const bytes = readFileSync(packed.path);
    const bad = join(folder, 'bad.tar');
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), async (at, mask, cut) => {
        const changed = Buffer.from(cut ? bytes.subarray(0, at) : bytes);
        if (!cut) changed[at] = (changed[at] ?? 0) ^ mask;
        writeFileSync(bad, changed);
        const extracted = await extractArchive(bad, packed.digest, trees());
        expect(extracted.ok).toBe(false);
        expect(readdirSync(trees())).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  const hostile: readonly { readonly name: string; readonly entries: readonly ArchiveEntry[] }[] = [
    { name: 'an absolute path', entries: [{ kind: 'file', path: '/tmp/sluice-escaped', executable: false, size: 1 }] },
    { name: 'a path with ..', entries: [{ kind: 'file', path: '../escaped', executable: false, size: 1 }] },
    { name: 'a link that leads out', entries: [{ kind: 'link', path: 'l', to: '../..' }] },
    {
      name: 'a link that leads out through another link',
      entries: [
        { kind: 'folder', path: 'p' },
        { kind: 'link', path: 'p/b', to: '..' },
        { kind: 'link', path: 'p/l', to: 'b/..' },
      ],
    },
    {
      name: 'a file below a link',
      entries: [
        { kind: 'folder', path: 'd' },
        { kind: 'link', path: 'l', to: 'd' },
        { kind: 'file', path: 'l/x', executable: false, size: 1 },
      ],
    },
    {
      name: 'two files of one name',
      entries: [
        { kind: 'file', path: 'x', executable: false, size: 1 },
        { kind: 'file', path: 'x', executable: false, size: 1 },
      ],
    },
  ];
  for (const { name, entries } of hostile) {
    test(`${name} is refused even when the digest is right`, async () => {
      const bytes = Buffer.concat([
        ...entries.flatMap((entry) => [
          headerOf(entry),
          ...(entry.kind === 'file' ? [Buffer.from('x'), Buffer.alloc(paddingAfter(1))] : []),
        ]),
        archiveEnd(),
      ]);
      writeFileSync(join(folder, 'hostile.tar'), bytes);
      const extracted = await extractArchive(join(folder, 'hostile.tar'), digestOf(bytes), trees());
      expect(extracted.ok).toBe(false);
      expect(readdirSync(trees())).toEqual([]);
      expect([existsSync('/tmp/sluice-escaped'), existsSync(join(folder, 'escaped'))]).toEqual([false, false]);
    });
  }

  test('bytes after the end are refused: they would be in the digest but not in the tree', async () => {
    const packed = await pack(project({ a: 'x' }));
    const bytes = Buffer.concat([readFileSync(packed.path), Buffer.alloc(512)]);
    writeFileSync(join(folder, 'longer.tar'), bytes);
    expect(await extractArchive(join(folder, 'longer.tar'), digestOf(bytes), trees())).toMatchObject({
      ok: false,
      error: { kind: 'archive-unreadable' },
    });
  });

  test('a damaged tree of the same digest is replaced, an intact one kept; of two at once the second uses the tree of the first', async () => {
    const packed = await pack(project({ a: 'x' }));
    const extract = async (digest: Digest = packed.digest): Promise<string> => {
      const extracted = await extractArchive(packed.path, digest, trees());
      if (!extracted.ok) throw new Error(extracted.error.message);
      return extracted.value;
    };
    const [tree] = await Promise.all([extract(), extract(), extract()]);
    const { ino } = lstatSync(tree ?? '');
    await Promise.all([extract(), extract()]);
    expect(lstatSync(tree ?? '').ino).toBe(ino);
    chmodSync(join(tree ?? '', 'a'), 0o644);
    writeFileSync(join(tree ?? '', 'a'), 'y');
    await extract();
    expect(readFileSync(join(tree ?? '', 'a'), 'utf8')).toBe('x');
    expect(readdirSync(trees())).toEqual([packed.digest.slice(7)]);
  });
});
