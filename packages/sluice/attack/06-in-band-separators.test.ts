import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { changeAuthors, newIdentity } from '#access';
import { gitSource } from '#source-git';

const who = (n: number, name: string) =>
  newIdentity(
    { id: `00000000-0000-4000-8000-00000000000${n}`, name, emails: [`${name}@example.com`], functions: ['risk'] },
    new Uint8Array(32).fill(n),
  ).person;
const [dana, erin] = [who(1, 'dana'), who(2, 'erin')];

describe('6 · in-band separators', () => {
  let repository = '';
  beforeEach(() => {
    repository = mkdtempSync(join(tmpdir(), 'sluice-attack-'));
    execFileSync('git', ['init', '--quiet', '--initial-branch=main', repository]);
  });
  afterEach(() => rmSync(repository, { recursive: true, force: true }));

  /** Writes a commit object byte for byte, as a patched client would, and says who is taken to have made it. */
  async function authorsOf(raw: { readonly author?: string; readonly committer?: string; readonly message: string | Buffer }) {
    const git = (args: readonly string[], input = Buffer.alloc(0)): string =>
      execFileSync('git', ['-C', repository, ...args], { input, encoding: 'utf8' }).trim();
    const tree = git(['write-tree']);
    const { author = 'Dana <dana@example.com>', committer = 'Dana <dana@example.com>', message } = raw;
    const head = `tree ${tree}\nauthor ${author} 1700000000 +0000\ncommitter ${committer} 1700000000 +0000\n\n`;
    const sha = git(
      ['hash-object', '-t', 'commit', '-w', '--literally', '--stdin'],
      Buffer.concat([Buffer.from(head), Buffer.from(message)]),
    );
    const commits = await gitSource(repository).between(undefined, sha);
    if (!commits.ok) return commits.error.message;
    const found = changeAuthors(commits.value, [dana, erin]);
    return found.ok ? [...found.value].map((id) => (id === dana.id ? 'dana' : 'erin')).toSorted() : found.error.message;
  }

  test.each(['\u001e', '\u001f', '\u001e\n', '\u001f\u001f\u001f\u001f\u001f\u001f'])(
    'a message with %j in it hides no later co-author from separation of duties (C04)',
    async (byte) => {
      expect(await authorsOf({ message: `limits${byte}\n\nCo-authored-by: Erin <erin@example.com>\n` })).toEqual(['dana', 'erin']);
      expect(await authorsOf({ message: `limits\n\ntext ${byte} text\n\nCo-authored-by: Erin <erin@example.com>\n` })).toEqual([
        'dana',
        'erin',
      ]);
    },
  );

  test('an address with a separator in it hides no committer: it is nobody known, and blocks (C04)', async () => {
    const split = 'Dana <dana@example.com\u001fdana@example.com\u001fx>';
    expect(await authorsOf({ author: split, committer: 'Erin <erin@example.com>', message: 'x\n' })).toMatch(/is no known person/);
    expect(await authorsOf({ committer: 'Erin <erin@example.com>', message: 'x\n' })).toEqual(['dana', 'erin']);
  });

  test.each([
    ['folded', 'Co-authored-by: Erin\n <erin@example.com>'],
    ['in capitals, with a blank before the colon', 'CO-AUTHORED-BY : Erin <erin@example.com>'],
    ['beside another on its line', 'Co-authored-by: Dana <dana@example.com>, Erin <erin@example.com>'],
    ['the first of two on its line', 'Co-authored-by: Erin <erin@example.com> Dana <dana@example.com>'],
    ['with a remark behind it', 'Co-authored-by: Erin <erin@example.com> # pair'],
  ])('a co-author that git or a hosting service reads is read here: %s (C04)', async (_, trailer) => {
    expect(await authorsOf({ message: `limits\n\n${trailer}\n` })).toEqual(['dana', 'erin']);
  });

  test('what cannot be read in one way only blocks, and says which commit (C04)', async () => {
    expect(await authorsOf({ message: 'limits\0\n\nCo-authored-by: Erin <erin@example.com>\n' })).toMatch(
      /commit [0-9a-f]{7} holds a NUL byte/,
    );
    expect(await authorsOf({ committer: 'Erin <erin@example.com> <dana@example.com>', message: 'x\n' })).toMatch(/no author or committer/);
  });
});
