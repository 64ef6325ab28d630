import { newIdentity, signApproval } from '#access';
import { type Digest, digestOf, err, ok, SluiceError } from '#kernel';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Approval,
  type ApprovalQuestion,
  approvalState,
  approvalSubject,
  type ApprovalSubject,
  approvedCommits,
  assignFunctions,
  releaseDigest,
  type ReleaseBundle,
} from './index.ts';

const person = (n: number, ...functions: readonly string[]) =>
  newIdentity(
    { id: `00000000-0000-4000-8000-00000000000${n}`, name: `P${n}`, emails: [`p${n}@example.com`], functions },
    new Uint8Array(32).fill(n),
  );
const erin = person(1, 'risk');
const tom = person(2, 'trading');
const both = person(3, 'risk', 'trading');
const dana = person(4, 'risk');
const guest = person(5, 'audit');
const robot = person(6, 'risk');
const identities = [erin, tom, both, dana, guest, robot];
const subject = digestOf('subject');
const NOW = 1_700_000_000_000;
const question: ApprovalQuestion = {
  rule: { functions: ['risk', 'trading'] },
  subject,
  people: identities.map((identity) => identity.person),
  machines: { ' P6@Example.com': 'committer' },
  authors: ok(new Set([dana.person.id])),
  now: NOW,
};
const by = (identity: typeof erin, of: Digest = subject, expiresAt = NOW + 1): Approval => {
  const statement = { subject: of, deployment: 'd1', expiresAt };
  return { ...statement, person: identity.person.id, signature: signApproval(identity.seed, statement) };
};
const DAY = 24 * 3_600_000;

describe('approvals of a production deployment (X-04, C04, C05)', () => {
  test('two distinct people of the required functions are enough, in either order', () => {
    const given = [
      { function: 'risk', person: erin.person.id },
      { function: 'trading', person: tom.person.id },
    ];
    expect(approvalState(question, [by(erin), by(tom)])).toEqual({ kind: 'granted', given, refusals: [] });
    expect(approvalState(question, [by(tom), by(erin)])).toEqual({ kind: 'granted', given, refusals: [] });
  });

  test('until then it says what is still needed', () => {
    expect(approvalState(question, [])).toMatchObject({ kind: 'waiting', missing: 2, needs: ['risk', 'trading'] });
    expect(approvalState(question, [by(erin)])).toMatchObject({ kind: 'waiting', missing: 1, needs: ['trading'] });
    expect(approvalState(question, [by(both)])).toMatchObject({ kind: 'waiting', missing: 1, needs: ['risk', 'trading'] });
  });

  test('a rule that asks for nobody is granted; one person with both functions is still one person', () => {
    expect(approvalState({ ...question, rule: { functions: [] } }, [])).toMatchObject({ kind: 'granted' });
    expect(approvalState(question, [by(both), by(both)])).toMatchObject({
      kind: 'waiting',
      missing: 1,
      refusals: [{ code: 'signed-already' }],
    });
  });

  test.each([
    ['an author', by(dana), 'author'],
    ['another subject', by(erin, digestOf('other')), 'other-subject'],
    ['a signature of another person', { ...by(tom), person: erin.person.id }, 'bad-signature'],
    ['a signature moved to this subject', { ...by(erin, digestOf('other')), subject }, 'bad-signature'],
    ['a signature given for another deployment of the same', { ...by(erin), deployment: 'd2' }, 'bad-signature'],
    ['a signature whose end was put off', { ...by(erin), expiresAt: NOW + 2 }, 'bad-signature'],
    ['one that would count for more than a day (I8)', by(erin, subject, NOW + DAY + 3_600_000), 'lasts-too-long'],
    ['a person nobody knows', { ...by(erin), person: 'nobody' }, 'unknown-person'],
    ['an approval that has expired (I8)', by(erin, subject, NOW), 'expired'],
    ['somebody registered with the address of a machine', by(robot), 'machine'],
    ['somebody of no required function', by(guest), 'no-function'],
    ['the same person again', by(tom), 'signed-already'],
  ])('%s does not count, and is told why in a line of its own', (_, approval, code) => {
    const state = approvalState(question, [by(tom), approval]);
    expect(state).toMatchObject({ kind: 'waiting', needs: ['risk'], refusals: [{ code }] });
    if (state.kind === 'waiting') for (const { line } of state.refusals) expect(line).toMatch(/^[^\n]{20,}$/);
  });

  test('the lines of refusal are all distinct', () => {
    const approvals = [
      by(tom),
      by(dana),
      by(erin, digestOf('x')),
      { ...by(tom), person: erin.person.id },
      { ...by(erin), person: '?' },
      by(erin, subject, 0),
      by(erin, subject, NOW + 2 * DAY),
      by(guest),
      by(tom),
    ];
    const state = approvalState(question, approvals);
    if (state.kind !== 'waiting') throw new Error('it waits');
    expect(new Set(state.refusals.map((refusal) => refusal.code)).size).toBe(8);
    expect(new Set(state.refusals.map((refusal) => refusal.line)).size).toBe(8);
  });

  test('an author that is nobody known refuses the whole, whoever signs', () => {
    const unmapped = new SluiceError('forbidden', 'commit 4f2c1ab: its author x@example.com is no known person.');
    expect(approvalState({ ...question, authors: err(unmapped) }, [by(erin), by(tom)])).toEqual({ kind: 'refused', error: unmapped });
  });
});

describe('functions are assigned by matching', () => {
  test('somebody with two functions is not spent on the wrong one', () => {
    const people = [
      { id: 'a', functions: ['risk', 'trading'] },
      { id: 'b', functions: ['risk'] },
      { id: 'c', functions: ['trading', 'operations'] },
    ];
    expect(assignFunctions(['risk', 'trading', 'operations'], people)).toMatchObject({ missing: 0, needs: [] });
    expect(assignFunctions(['risk', 'risk'], people.slice(1))).toMatchObject({ missing: 1, needs: ['risk'] });
  });

  test('property: as many functions are filled as any assignment could fill', () => {
    const functions = fc.subarray(['a', 'b', 'c', 'd']);
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 4 }),
        fc.array(functions, { maxLength: 5 }),
        (required, held) => {
          const people = held.map((names, n) => ({ id: String(n), functions: names }));
          const best = (seats: readonly string[], free: readonly (typeof people)[number][]): number => {
            const [seat, ...rest] = seats;
            if (seat === undefined) return 0;
            const filled = free
              .filter((one) => one.functions.includes(seat))
              .map(
                (one) =>
                  1 +
                  best(
                    rest,
                    free.filter((other) => other !== one),
                  ),
              );
            return Math.max(best(rest, free), ...filled);
          };
          const found = assignFunctions(required, people);
          expect(found.assigned).toHaveLength(best(required, people));
          expect(new Set(found.assigned.map((one) => one.person)).size).toBe(found.assigned.length);
          for (const { function: name, person: id } of found.assigned) expect(people[Number(id)]?.functions).toContain(name);
          expect(found.missing).toBe(required.length - found.assigned.length);
          expect(found.needs.length === 0).toBe(found.missing === 0);
          for (const name of found.needs)
            expect(assignFunctions(required, [...people, { id: 'one more', functions: [name] }]).missing).toBe(found.missing - 1);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('what is signed', () => {
  const bundle: ReleaseBundle = {
    artifacts: {
      api: { artifact: digestOf('a'), executable: digestOf('node') },
      engine: { artifact: digestOf('e'), executable: digestOf('node') },
    },
    config: { api: { start: ['node', 'api.js'], instances: 1, startWithin: 5_000 } },
    parameters: { api: { MAX_ORDER_SIZE: '500', ENGINE: { kind: 'address-of', service: 'engine' } } },
    flags: { auction: false },
    limits: { grossPosition: 1_000 },
    schemaChanges: [{ name: '0001 orders', digest: digestOf('sql') }],
  };
  const commit = {
    sha: '4f2c1ab',
    subject: 'raise it',
    author: 'dana@example.com',
    committer: 'ci@example.com',
    coAuthors: ['x@example.com'],
  };
  const whole: ApprovalSubject = {
    environment: 'production',
    service: 'api',
    release: { digest: releaseDigest(bundle), version: 'v1.2.0', commit: '4f2c1ab', bundle },
    previous: { digest: digestOf('old'), version: 'v1.1.0', commit: '1ab4f2c', bundle, settings: { instances: 1, env: {} } },
    settings: { instances: 2, env: { REGION: 'eu' } },
    strategy: { kind: 'blue-green', steps: [{ weight: 500, watch: 2_000 }] },
    window: null,
    verdicts: [
      { gate: 'tests', kind: 'pass', because: '12 of 12', digest: digestOf('v1') },
      { gate: 'coverage', kind: 'pass', because: '91 %', digest: digestOf('v2') },
    ],
    rule: { functions: ['risk', 'trading'], since: null, machineIdentities: { 'noreply@forge.example': 'committer' } },
    commits: { added: approvedCommits([commit, commit]), removed: approvedCommits([]) },
  };

  /** Every value of the same shape with one leaf changed, dropped or added. */
  function* edits(value: unknown): Generator {
    if (Array.isArray(value)) {
      for (const [at, item] of value.entries()) {
        for (const edit of edits(item)) yield value.with(at, edit);
        yield value.toSpliced(at, 1);
      }
      yield [...(value as readonly unknown[]), 'one more'];
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, member] of Object.entries(value)) {
        for (const edit of edits(member)) yield { ...value, [key]: edit };
        yield Object.fromEntries(Object.entries(value).filter(([other]) => other !== key));
        yield Object.fromEntries(Object.entries(value).map(([other, item]) => [other === key ? `${other}x` : other, item as unknown]));
      }
    } else if (typeof value === 'string') {
      for (let at = 0; at < value.length; at += 1) yield `${value.slice(0, at)}${value[at] === 'a' ? 'b' : 'a'}${value.slice(at + 1)}`;
    } else if (typeof value === 'number') yield value + 1;
    else if (typeof value === 'boolean') yield !value;
    else yield 'something';
  }

  test('I5: any change of any byte of a release gives another digest', () => {
    const whole = releaseDigest(bundle);
    let changes = 0;
    for (const edit of edits(bundle)) {
      changes += 1;
      expect(releaseDigest(edit as ReleaseBundle)).not.toBe(whole);
    }
    expect(changes).toBeGreaterThan(400);
  });

  test('X-04: any change of any byte of what was approved voids every signature', () => {
    const approved = approvalSubject(whole);
    const approvals = [by(erin, approved), by(tom, approved)];
    expect(approvalState({ ...question, subject: approved }, approvals)).toMatchObject({ kind: 'granted' });
    let changes = 0;
    for (const edit of edits(whole)) {
      const other = approvalSubject(edit as ApprovalSubject);
      expect(other).not.toBe(approved);
      changes += 1;
      if (changes % 100 !== 0) continue;
      const state = approvalState({ ...question, subject: other }, approvals);
      expect(state).toMatchObject({ kind: 'waiting', missing: 2, refusals: [{ code: 'other-subject' }, { code: 'other-subject' }] });
    }
    expect(changes).toBeGreaterThan(1_000);
  });

  test('the order of members says nothing', () => {
    const { release, ...rest } = whole;
    expect(approvalSubject({ ...rest, release })).toBe(approvalSubject(whole));
  });
});
