import { expect, test } from 'vitest';
import { asMember, emptyRegister, newIdentity, recordedPerson, signApproval, type Person } from '#access';
import { digestOf, ok } from '#kernel';
import { standing } from './approvals.ts';
import type { Deployment } from './deployment.ts';
import { commitOf, delivery } from './fixtures/world.ts';
import type { Commit, Source } from './ports.ts';
import type { ApprovalRecord, LiveRelease, ReleaseRecord } from './records.ts';
import type { Store } from './store.ts';

const now = Date.parse('2026-11-21T00:00:00Z');
const identities = (['dana', 'erin', 'finn', 'gwen'] as const).map((name, at) =>
  newIdentity(
    { id: `00000000-0000-4000-8000-00000000000${at}`, name, emails: [`${name}@example.com`], functions: [at === 2 ? 'trading' : 'risk'] },
    new Uint8Array(32).fill(at + 1),
  ),
);
const [dana, erin, finn, gwen] = identities;
const members = identities.map(({ person }) => asMember(person, [], '0'.repeat(32)));
const people: readonly Person[] = members;
const recorded = { ...emptyRegister, confirmations: 2, people: new Map(members.map((member) => [member.id, recordedPerson(member)])) };
const register = { current: async () => ok(recorded) };

/** One line of history, oldest first, each commit by another person. */
const commits: readonly Commit[] = (
  [
    ['v1.0.0', 'dana'],
    ['v1.1.0', 'erin'],
    ['v1.2.0', 'gwen'],
  ] as const
).map(([ref, name]) => ({ ...commitOf(ref), authorEmail: `${name}@example.com`, committerEmail: `${name}@example.com` }));
const placeOfCommit = (sha: string): number => commits.findIndex((commit) => commit.sha === sha);
const source: Source = {
  resolve: async (ref) => ok(commitOf(ref)),
  // As git has it: nothing is reachable from an older commit that is not from a newer one.
  between: async (from, to) => ok(commits.slice(from === undefined ? 0 : placeOfCommit(from) + 1, placeOfCommit(to) + 1).toReversed()),
  refsOf: async () => ok(['refs/heads/main']),
  defaultRefs: async () => ok(['refs/heads/main']),
  checkout: async () => ok(undefined),
};

const subject = digestOf('subject');
const releaseAt = (ref: string) => ({ digest: digestOf(ref), commit: commitOf(ref), verdicts: [] }) as unknown as ReleaseRecord;

async function missing(of: { readonly live: string; readonly target: string; readonly signed: readonly (typeof dana)[] }) {
  const statement = { subject, deployment: 'd1', expiresAt: now + 3_600_000 };
  const approvals: readonly ApprovalRecord[] = of.signed.map((identity) => ({
    ...statement,
    person: identity!.person.id,
    signature: signApproval(identity!.seed, statement),
    at: '2026-11-21T00:00:00Z',
  }));
  const store = {
    transaction: async (work: (tx: never) => Promise<unknown>) => work(undefined as never),
    people: { list: async () => members },
    approvals: { of: async () => approvals },
    live: { now: async () => ({ release: releaseAt(of.live).digest }) as LiveRelease },
    releases: { get: async () => releaseAt(of.live) },
  } as unknown as Store;
  const deployment = { request: { id: 'd1', environment: 'production', service: 'api' } } as unknown as Deployment;
  const { state, question } = await standing({ store, source, delivery, register, now }, deployment, {
    release: releaseAt(of.target),
    subject,
  });
  if (!question.authors.ok) throw question.authors.error;
  const authors = people.filter(({ id }) => question.authors.ok && question.authors.value.has(id)).map(({ name }) => name);
  return { state: state.kind, needs: state.kind === 'waiting' ? state.needs : [], authors };
}

test('whoever wrote what a rollback takes away is an author of it, and does not count as its approver (C05)', async () => {
  const back = { live: 'v1.2.0', target: 'v1.0.0' };
  expect(await missing({ ...back, signed: [erin, finn] })).toEqual({ state: 'waiting', needs: ['risk'], authors: ['erin', 'gwen'] });
  // The author of the release that is gone back to wrote nothing of the change.
  expect(await missing({ ...back, signed: [dana, finn] })).toEqual({ state: 'granted', needs: [], authors: ['erin', 'gwen'] });
});

test('the same people are the authors on the way forward (C05)', async () => {
  const forward = { live: 'v1.0.0', target: 'v1.2.0' };
  expect(await missing({ ...forward, signed: [gwen, finn] })).toEqual({ state: 'waiting', needs: ['risk'], authors: ['erin', 'gwen'] });
});

test('no signature counts while one person alone keeps the register: they could have admitted every approver themselves', async () => {
  const store = {
    transaction: async (work: (tx: never) => Promise<unknown>) => work(undefined as never),
    people: { list: async () => members },
    approvals: { of: async () => [] },
    live: { now: async () => undefined },
    releases: { get: async () => undefined },
  } as unknown as Store;
  const alone = { current: async () => ok({ ...recorded, confirmations: 1 }) };
  const deployment = { request: { id: 'd1', environment: 'production', service: 'api' } } as unknown as Deployment;
  const { state } = await standing({ store, source, delivery, register: alone, now }, deployment, {
    release: releaseAt('v1.0.0'),
    subject,
  });
  expect(state).toMatchObject({
    kind: 'refused',
    error: { code: 'forbidden', message: expect.stringContaining('one person alone') as unknown },
  });
});
