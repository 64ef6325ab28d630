import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  asMember,
  newIdentity,
  recordedPerson,
  requestClaim,
  signChange,
  signRequest,
  type Identity,
  type Principal,
  type RegisterChange,
} from '#access';
import type { Delivery } from '#define';
import { systemClock, systemIds } from '#host';
import { digestOf } from '#kernel';
import { startEngine, type Engine } from './engine.ts';
import { foundersOf } from './fixtures/people.ts';
import { delivery, fakeEdge, portsOver, until, world, type World } from './fixtures/world.ts';
import { planeOf } from './recorded-register.ts';

const HOUR = 3_600_000;
const salt = '0'.repeat(32);
/** The same project before anybody is asked for approvals. */
const open: Delivery = {
  ...delivery,
  environments: Object.fromEntries(Object.entries(delivery.environments).filter(([name]) => name === 'staging')),
};
const [ada, ben, carol, dora] = ['ada', 'ben', 'carol', 'dora'].map((name, at) =>
  newIdentity({ id: systemIds.uuid(), name, emails: [`${name}@example.com`], functions: ['risk'] }, new Uint8Array(32).fill(at + 1)),
) as [Identity, Identity, Identity, Identity];
const principal = ({ person }: Identity): Principal => ({ kind: 'person', person: person.id, rights: ['people'] });

let place: World;
beforeAll(async () => {
  place = await world();
});
afterAll(() => place[Symbol.asyncDispose]());

const warnings: string[] = [];
async function running<T>(of: Delivery, work: (engine: Engine) => Promise<T>): Promise<T> {
  const ports = portsOver(place.store, fakeEdge(), place.folder);
  const warn = (line: string): void => void warnings.push(line);
  const engine = await startEngine(ports, { executor: 'e1', databaseUrl: place.server.url, delivery: of, warn });
  try {
    return await work(engine);
  } finally {
    await engine.stop();
  }
}

const plane = (): string => planeOf(portsOver(place.store, fakeEdge(), place.folder).keys);
const versionOf = async (engine: Engine): Promise<number> => {
  const view = await engine.register.view();
  if (!view.ok) throw view.error;
  return view.value.register.version;
};
const signed = (who: Identity, version: number, change: RegisterChange) =>
  signChange({ personRef: who.person.id, seed: who.seed }, { plane: plane(), version }, change, systemClock.now() + HOUR);
const admission = ({ person }: Identity, rights: readonly ['people'] | readonly [] = []) => {
  const member = asMember(person, rights, salt);
  return { change: { kind: 'admit', person: recordedPerson(member) } as const, member };
};

test('where nobody is asked for approvals one keeper is enough, and what the register is outlives the engine', async () => {
  const first = await running(open, async (engine) => {
    expect(await engine.register.found(foundersOf(ada))).toEqual({ ok: true, value: 'founded' });
    const { change, member } = admission(ben, ['people']);
    const version = await versionOf(engine);
    expect(
      await engine.register.submit({ change, member, confirmation: signed(ada, version, change) }, principal(ada), 'request-1'),
    ).toMatchObject({
      ok: true,
      value: { kind: 'applied' },
    });
    return engine.register.view();
  });
  await running(open, async (engine) => {
    expect(await engine.register.found(foundersOf(carol))).toEqual({ ok: true, value: 'there' });
    const again = await engine.register.view();
    expect(again.ok && first.ok && [again.value.members, again.value.register.version]).toEqual(first.ok && [first.value.members, 2]);
  });
});

test('as soon as an environment asks for approvals a change takes two, and it stays at two', async () => {
  await running(delivery, async (engine) => {
    const { change, member } = admission(carol);
    // Signed while one was still enough, and handed in the moment the engine starts.
    const early = await engine.register.submit({ change, member, confirmation: signed(ada, 2, change) }, principal(ada), 'request-2');
    expect(early.ok && early.value.kind === 'applied').toBe(false);
    const version = await until('a change takes two', async () => {
      const view = await engine.register.view();
      return view.ok && view.value.register.confirmations === 2 ? view.value.register.version : undefined;
    });
    const asked = await engine.register.submit({ change, member, confirmation: signed(ada, version, change) }, principal(ada), 'request-2');
    expect(asked).toMatchObject({ ok: true, value: { kind: 'waiting', counted: 1, needed: 2 } });
  });
  await running(open, async (engine) => {
    const view = await engine.register.view();
    expect(view.ok && [view.value.register.confirmations, view.value.members.map(({ name }) => name).toSorted()]).toEqual([
      2,
      ['ada', 'ben'],
    ]);
  });
});

test('of two who sign at the same moment, and of two changes at once, each is made once and after the other', async () => {
  await running(delivery, async (engine) => {
    const version = await versionOf(engine);
    const made = [admission(carol), admission(dora)];
    const asked = await Promise.all(
      made.map(({ change, member }, at) =>
        engine.register.submit({ change, member, confirmation: signed(ada, version, change) }, principal(ada), `request-${at + 3}`),
      ),
    );
    const numbers = asked.map((one) => (one.ok ? one.value.number : 0));
    const answers = await Promise.all(
      numbers.flatMap((number, at) => {
        const confirmation = signed(ben, version, made[at]!.change);
        return [1, 2].map((time) => engine.register.confirm(number, confirmation, principal(ben), `request-${time}${at}`));
      }),
    );
    const view = await engine.register.view();
    if (!view.ok) throw view.error;
    const applied = answers.filter((one) => one.ok && one.value.kind === 'applied').length;
    // Both were signed upon one version: the second change needs signatures upon the register that the first one made.
    expect([applied, view.value.register.version, view.value.members.length]).toEqual([1, version + 1, 3]);
    const entries = await engine.timeline({ chain: 'register', limit: 100 });
    expect(entries.ok && entries.value.filter(({ entry }) => entry.type === 'person.admitted')).toHaveLength(2);
  });
  expect(warnings.filter((line) => line.includes('does not count'))).toEqual([]);
});

test('a signed request is taken once, also by an engine that was started since', async () => {
  const request = { method: 'POST', target: '/v1/deployments', body: digestOf('') };
  const header = signRequest(ada.seed, {
    plane: plane(),
    person: ada.person.id,
    at: systemClock.now(),
    nonce: 'A'.repeat(22),
    ...(request as object),
  } as never);
  const claim = requestClaim(header);
  if (claim === undefined) throw new Error('the header of a signed request is read');
  const taken = await running(open, (engine) => engine.register.person(claim, request));
  expect(taken.ok && taken.value.kind).toBe('person');
  const again = await running(open, (engine) => engine.register.person(claim, request));
  expect(!again.ok && again.error.message).toContain('taken before');
});
