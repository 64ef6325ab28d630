import { digestOf, ed25519Signer, toBase64 } from '#kernel';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  admitPerson,
  changeAuthors,
  coAuthorEmails,
  decodeIdentity,
  encodeIdentity,
  type Identity,
  isApprovalBy,
  keyDigestOf,
  newIdentity,
  signApproval,
} from './index.ts';

const identity = (n: number, functions: readonly string[] = ['risk']): Identity =>
  newIdentity(
    { id: `00000000-0000-4000-8000-00000000000${n}`, name: `Person ${n}`, emails: [`p${n}@example.com`, `P${n}@Home.example`], functions },
    new Uint8Array(32).fill(n),
  );
const [erin, dana] = [identity(1), identity(2)];
const subject = digestOf('subject');
const statement = { subject, deployment: 'd1', expiresAt: 1_700_000_000_000 };
const commit = { sha: '4f2c1ab0d9e8f7a6b5c4', authorEmail: 'p1@example.com', committerEmail: 'p1@example.com', coAuthorEmails: [] };

describe('an identity', () => {
  test('goes to its file and back, with the same key', () => {
    expect(decodeIdentity(encodeIdentity(erin))).toEqual({ ok: true, value: erin });
  });

  test('a damaged file is refused in one line that holds nothing of it', () => {
    const good = encodeIdentity(erin);
    const secret = toBase64(erin.seed);
    for (const bad of [
      '',
      good.slice(0, 40),
      '[]',
      'null',
      '{}',
      good.replace(secret, secret.slice(4)),
      good.replace('"id"', '"ID"'),
      good.replace('v1', 'v2'),
    ]) {
      const read = decodeIdentity(bad);
      expect(read.ok, bad).toBe(false);
      if (!read.ok) expect(read.error.message).not.toMatch(new RegExp(`\n|${secret.slice(4, 20)}`));
    }
  });

  test('property: garbage is refused, never thrown', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json()), (text) => {
        expect(decodeIdentity(text).ok).toBe(false);
        expect(isApprovalBy(erin.person, statement, text)).toBe(false);
        expect(coAuthorEmails(text)).toBeInstanceOf(Array);
      }),
    );
  });

  test('an address and a key belong to one person: nobody can sign as two (C04)', () => {
    expect(admitPerson(erin.person, [dana.person]).ok).toBe(true);
    const again = { ...dana.person, id: '00000000-0000-4000-8000-000000000009' };
    for (const [person, fact] of [
      [dana.person, 'reference is taken'],
      [{ ...again, emails: ['x@example.com'] }, 'the key is that of'],
      [{ ...again, publicKey: erin.person.publicKey, emails: [' p2@HOME.example '] }, 'belongs to "Person 2"'],
      [{ ...erin.person, id: 'erin' }, 'no random UUID'],
      [{ ...erin.person, publicKey: 'AAAA' }, 'not 32 bytes'],
      [{ ...erin.person, emails: [] }, 'no e-mail address'],
      [{ ...erin.person, emails: ['erin'] }, 'is no e-mail address'],
      [{ ...erin.person, emails: ['erin@example.com\u001b[2K'] }, 'is no e-mail address'],
      [{ ...erin.person, name: 'Erin\u202e' }, 'not seen'],
      [{ ...erin.person, functions: ['risk officer'] }, 'is no function'],
    ] as const) {
      const admitted = admitPerson(person, [dana.person]);
      expect(admitted).toMatchObject({ ok: false, error: { message: expect.stringContaining(fact) as string } });
    }
  });
});

describe('an approval signature', () => {
  test('is by one person, of one subject, for one deployment, until one time (X-04, X-08)', () => {
    const signature = signApproval(erin.seed, statement);
    expect(isApprovalBy(erin.person, statement, signature)).toBe(true);
    expect(isApprovalBy(dana.person, statement, signature)).toBe(false);
    for (const other of [{ subject: digestOf('other') }, { deployment: 'd2' }, { expiresAt: statement.expiresAt + 1 }])
      expect(isApprovalBy(erin.person, { ...statement, ...other }, signature)).toBe(false);
    expect(isApprovalBy({ publicKey: 'AAAA' }, statement, signature)).toBe(false);
  });

  test('is not a signature over the bare digest: another purpose cannot be passed off as an approval', () => {
    const bare = toBase64(ed25519Signer(erin.seed)(new TextEncoder().encode(subject)));
    expect(isApprovalBy(erin.person, statement, bare)).toBe(false);
  });

  test('property: a signature with any byte changed is none', () => {
    const signature = signApproval(erin.seed, statement);
    fc.assert(
      fc.property(fc.nat({ max: signature.length - 1 }), fc.constantFrom('A', 'B', '/', '=', ' '), (at, char) => {
        const changed = signature.slice(0, at) + char + signature.slice(at + 1);
        expect(isApprovalBy(erin.person, statement, changed)).toBe(changed === signature);
      }),
    );
  });

  test('the key has a digest for the ledger', () => {
    expect(keyDigestOf(erin.person)).not.toBe(keyDigestOf(dana.person));
  });
});

describe('who made a change', () => {
  const people = [erin.person, dana.person];

  test('authors, committers and co-authors count, whatever the case of their address', () => {
    const commits = [
      { ...commit, committerEmail: 'P2@EXAMPLE.com' },
      { ...commit, authorEmail: 'p1@home.example' },
    ];
    expect(changeAuthors(commits, people)).toEqual({ ok: true, value: new Set([erin.person.id, dana.person.id]) });
    expect(changeAuthors([{ ...commit, coAuthorEmails: ['p2@example.com'] }], people)).toEqual({
      ok: true,
      value: new Set([erin.person.id, dana.person.id]),
    });
    expect(changeAuthors([], people)).toEqual({ ok: true, value: new Set() });
  });

  test.each([
    ['author', { ...commit, authorEmail: 'p3@example.com' }],
    ['committer', { ...commit, committerEmail: 'noreply@forge.example' }],
    ['co-author', { ...commit, coAuthorEmails: ['Dana'] }],
    ['author', { ...commit, authorEmail: '' }],
  ])('an unmapped %s blocks with one clear line', (role, unmapped) => {
    const found = changeAuthors([commit, unmapped], people);
    expect(found).toMatchObject({
      ok: false,
      error: { code: 'forbidden', message: expect.stringContaining(`commit 4f2c1ab: its ${role} `) as string },
    });
    if (!found.ok) expect(found.error.message).not.toContain('\n');
  });

  test('trailers are read as git writes them; one without an address is kept, because it must block', () => {
    const message =
      'faster risk checks\n\nCo-authored-by: Dana <p2@example.com>\nco-authored-by:Erin <P1@example.com> \nCo-Authored-By: Somebody\n';
    expect(coAuthorEmails(message)).toEqual(['p2@example.com', 'P1@example.com', 'Somebody']);
    expect(coAuthorEmails('nothing to see')).toEqual([]);
  });

  test.each([
    ['another case and a blank before the colon', 'CO-AUTHORED-BY : Dana <p2@example.com>'],
    ['no hyphen', 'Coauthored-by: Dana <p2@example.com>'],
    ['other hyphens', 'Co\u2011authored\u2010by: Dana <p2@example.com>'],
    ['a character that is not seen', 'Co\u200b-authored-by: Dana <p2@example.com>'],
    ["the kernel's word", 'Co-developed-by: Dana <p2@example.com>'],
    ['a folded line', 'Co-authored-by: Dana\n  <p2@example.com>'],
    ['a line in the middle of the text', 'Co-authored-by: Dana <p2@example.com>\n\nmore text\nwithout an end'],
    ['an indented line', 'text:\n\n    Co-authored-by: Dana <p2@example.com>'],
    ['a return without a line feed', 'text\rCo-authored-by: Dana <p2@example.com>'],
    ['separators of records', 'text\u001eCo-authored-by: Dana <p2@example.com>\u001fmore'],
    ['an address without brackets', 'Co-authored-by: p2@example.com'],
    ['a remark behind the address', 'Co-authored-by: Dana <p2@example.com> (pairing)'],
  ])('a co-author is found however it is spelled: %s (C04)', (_, text) => {
    expect(coAuthorEmails(`subject\n\n${text}\n`)).toEqual(['p2@example.com']);
  });

  test('all of several co-authors on one line count, and what git alone reads counts too', () => {
    expect(coAuthorEmails('x\n\nCo-authored-by: A <a@x.example>, B <b@x.example> and c@x.example')).toEqual([
      'a@x.example',
      'b@x.example',
      'c@x.example',
    ]);
    expect(coAuthorEmails('x', 'Co-authored-by: A <a@x.example>\nReviewed-by: B <b@x.example>\n')).toEqual(['a@x.example']);
    expect(coAuthorEmails('fix: coauthors = []\n\nfoo(author: "x")\nReviewed-by: B <b@x.example>')).toEqual([]);
  });

  test('a declared machine is nobody, and hides nobody who is in the same commit', () => {
    const forge = 'noreply@forge.example';
    const squashed = { ...commit, committerEmail: 'NoReply@forge.example', coAuthorEmails: ['p2@example.com'] };
    expect(changeAuthors([squashed], people)).toMatchObject({ ok: false });
    const both = { ok: true, value: new Set([erin.person.id, dana.person.id]) };
    expect(changeAuthors([squashed], people, { [forge]: 'committer' })).toEqual(both);
    const written = { ...commit, authorEmail: forge, committerEmail: forge };
    expect(changeAuthors([written], people, { [forge]: 'committer' })).toMatchObject({ ok: false });
    expect(changeAuthors([written], people, { [forge]: 'author' })).toEqual({ ok: true, value: new Set() });
    // Declared or not, what is a person's counts as the person.
    expect(changeAuthors([commit], people, { 'p1@example.com': 'author' })).toEqual({ ok: true, value: new Set([erin.person.id]) });
    expect(changeAuthors([{ ...commit, committerEmail: 'constructor' }], people, { [forge]: 'author' })).toMatchObject({ ok: false });
  });
});
