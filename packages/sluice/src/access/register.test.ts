import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { digestOf } from '#kernel';
import {
  asMember,
  cardOf,
  checkMember,
  checkRequest,
  emptyRegister,
  foundRegister,
  holds,
  leaseNow,
  membersAsRecorded,
  newIdentity,
  personOfCard,
  recordedPerson,
  requestClaim,
  rights,
  signChange,
  signRequest,
  takeStep,
  type GrantableRight,
  type Identity,
  type RecordedRegister,
  type RegisterChange,
} from './index.ts';

const NOW = Date.parse('2026-11-21T10:00:00Z');
const HOUR = 3_600_000;
const plane = digestOf('the key of a log');
const salt = '0'.repeat(32);
const [ada, ben, dana, zed] = ['ada', 'ben', 'dana', 'zed'].map((name, at) =>
  newIdentity(
    { id: `00000000-0000-4000-8000-00000000000${at}`, name, emails: [`${name}@example.com`], functions: ['risk'] },
    new Uint8Array(32).fill(at + 1),
  ),
) as [Identity, Identity, Identity, Identity];
const recorded = ({ person }: Identity, granted: readonly GrantableRight[] = []) => recordedPerson(asMember(person, granted, salt));

function founded(): RecordedRegister {
  const made = foundRegister(
    emptyRegister,
    [recorded(ada, ['people', 'machines', 'lower-safety']), recorded(ben, ['people']), recorded(dana)],
    2,
  );
  if (!made.ok) throw made.error;
  return made.value;
}
const step = (register: RecordedRegister, change: RegisterChange, ...signers: readonly Identity[]) => ({
  change,
  plane,
  at: NOW,
  confirmations: signers.map(({ person, seed }) =>
    signChange({ personRef: person.id, seed }, { plane, version: register.version }, change, NOW + HOUR),
  ),
});

describe('the register', () => {
  const admission: RegisterChange = { kind: 'admit', person: recorded(zed) };

  test('takes two of its keepers for a change of people, and counts up', () => {
    const register = founded();
    const next = takeStep(register, step(register, admission, ada, ben));
    expect(next.ok && [next.value.version, next.value.people.has(zed.person.id)]).toEqual([2, true]);
  });

  test.each([
    ['nobody', []],
    ['one keeper', [ada]],
    ['one keeper twice', [ada, ada]],
    ['a keeper and somebody without the right', [ada, dana]],
    ['a keeper and whoever is to be admitted', [ada, zed]],
  ])('is not changed by %s', (_, signers) => {
    const register = founded();
    expect(takeStep(register, step(register, admission, ...signers)).ok).toBe(false);
  });

  test('a signature counts for one change, one version, one control plane and one day', () => {
    const register = founded();
    const good = step(register, admission, ada, ben);
    const changed = { ...good, change: { kind: 'admit', person: recorded(zed, ['people']) } } as const;
    const other = { ...good, plane: digestOf('another log') };
    const later = { ...good, at: NOW + 2 * HOUR };
    const earlier = { ...good, at: NOW - 48 * HOUR };
    for (const wrong of [changed, other, later, earlier]) expect(takeStep(register, wrong).ok).toBe(false);
    const next = takeStep(register, good);
    if (!next.ok) throw next.error;
    const removed = takeStep(next.value, step(next.value, { kind: 'remove', personRef: zed.person.id }, ada, ben));
    if (!removed.ok) throw removed.error;
    expect(takeStep(removed.value, good).ok).toBe(false);
  });

  test('keeps as many keepers as a change takes, and each key for one person', () => {
    const register = founded();
    expect(takeStep(register, step(register, { kind: 'remove', personRef: ben.person.id }, ada, ben)).ok).toBe(false);
    expect(takeStep(register, step(register, { kind: 'change', person: recorded(ben) }, ada, ben)).ok).toBe(false);
    const twin = recorded({ ...dana, person: { ...dana.person, id: zed.person.id } });
    expect(takeStep(register, step(register, { kind: 'admit', person: twin }, ada, ben)).ok).toBe(false);
  });

  test('is founded once, with as many keepers as later changes take', () => {
    expect(foundRegister(emptyRegister, [recorded(ada, ['people']), recorded(ben)], 2).ok).toBe(false);
    expect(foundRegister(founded(), [recorded(zed, ['people']), recorded(dana, ['people'])], 2).ok).toBe(false);
  });

  test('one person with the right lowers safety for a day at most, and it lapses by itself (I8)', () => {
    const register = founded();
    const lease = (hours: number) =>
      ({
        kind: 'grant-lease',
        lease: {
          leaseRef: 'l1',
          lowers: 'sandbox',
          environment: 'production',
          expiresAt: NOW + hours * HOUR,
          reasonDigest: digestOf('why'),
        },
      }) as const;
    expect(takeStep(register, step(register, lease(48), ada)).ok).toBe(false);
    expect(takeStep(register, step(register, lease(1), ben)).ok).toBe(false);
    const granted = takeStep(register, step(register, lease(1), ada));
    if (!granted.ok) throw granted.error;
    expect(leaseNow(granted.value, 'sandbox', 'production', NOW)?.owner).toBe(ada.person.id);
    expect(leaseNow(granted.value, 'sandbox', 'staging', NOW)).toBeUndefined();
    expect(leaseNow(granted.value, 'sandbox', 'production', NOW + HOUR)).toBeUndefined();
    const ended = takeStep(granted.value, step(granted.value, { kind: 'end-lease', leaseRef: 'l1' }, ada));
    expect(ended.ok && leaseNow(ended.value, 'sandbox', 'production', NOW)).toBeUndefined();
  });
});

describe('a member', () => {
  const member = asMember(ada.person, ['people'], salt);

  test('whose row differs in anything from what was recorded is seen', () => {
    const known = new Map([[member.id, recordedPerson(member)]]);
    expect(membersAsRecorded([member], known).ok).toBe(true);
    for (const patch of [
      { name: 'Ada' },
      { emails: ['a@example.com'] },
      { functions: ['risk', 'trading'] },
      { rights: [] },
      { publicKey: ben.person.publicKey },
      { salt: '1'.repeat(32) },
      { emails: undefined as never },
    ])
      expect(membersAsRecorded([{ ...member, ...patch }], known).ok, JSON.stringify(patch)).toBe(false);
    expect(membersAsRecorded([], known).ok).toBe(false);
    expect(membersAsRecorded([member, asMember(ben.person, [], salt)], known).ok).toBe(false);
  });

  test('is in one spelling only, with rights that exist', () => {
    expect(checkMember(member, []).ok).toBe(true);
    for (const patch of [
      { rights: ['all'] as never },
      { salt: 'x' },
      { emails: ['b@example.com', 'a@example.com'] },
      { functions: ['risk', 'risk'] },
    ])
      expect(checkMember({ ...member, ...patch }, []).ok).toBe(false);
  });

  test('a card is by whoever holds the key it names', () => {
    const card = cardOf(ada);
    expect(personOfCard(card)).toEqual({ ok: true, value: ada.person });
    for (const patch of [{ name: 'Zed' }, { publicKey: ben.person.publicKey }, { proof: cardOf(ben).proof }, { proof: '' }])
      expect(personOfCard({ ...card, ...patch }).ok).toBe(false);
  });
});

describe('a signed request', () => {
  const statement = {
    plane,
    person: ada.person.id,
    method: 'POST',
    target: '/v1/deployments',
    body: digestOf('{}'),
    at: NOW,
    nonce: 'A'.repeat(22),
  };
  const header = signRequest(ada.seed, statement);
  const claim = requestClaim(header);
  if (claim === undefined) throw new Error('the claim of a good header is read');

  test('is by one person, to one control plane, for one page and body, at one time', () => {
    const of = { signature: claim.signature, now: NOW };
    expect(checkRequest(ada.person, { ...statement, ...claim }, of).ok).toBe(true);
    expect(checkRequest(ben.person, statement, of).ok).toBe(false);
    for (const patch of [
      { plane: 'x' },
      { person: ben.person.id },
      { method: 'GET' },
      { target: '/v1/reverts' },
      { body: digestOf('') },
      { at: NOW + 1 },
      { nonce: 'B'.repeat(22) },
    ])
      expect(checkRequest(ada.person, { ...statement, ...patch }, of).ok).toBe(false);
    expect(checkRequest(ada.person, statement, { ...of, now: NOW + HOUR }).ok).toBe(false);
    expect(checkRequest(ada.person, statement, { ...of, now: NOW - HOUR }).ok).toBe(false);
  });

  test('property: a header that is not ours is no claim, and never thrown', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(requestClaim(text)).toBeUndefined();
      }),
    );
    expect(requestClaim(`${header} `)).toBeUndefined();
    expect(requestClaim(header.replace('2026-11', '2026-13'))).toBeUndefined();
  });
});

test('only people judge: neither the operator nor any machine ever approves, keeps the register, makes tokens or lowers safety (I17)', () => {
  const may = (principal: Parameters<typeof holds>[0]) => rights.filter((right) => holds(principal, right));
  expect({
    operator: may({ kind: 'operator' }),
    machine: may({ kind: 'machine', machine: 'm', rights: ['look', 'deploy', 'revert'] }),
    person: may({ kind: 'person', person: 'p', rights: [] }),
  }).toEqual({
    operator: ['look', 'join', 'deploy', 'revert'],
    machine: ['look', 'deploy', 'revert'],
    person: ['look', 'join', 'revert', 'approve'],
  });
});
