import { randomBytes } from 'node:crypto';
import {
  asMember,
  cardOf,
  newIdentity,
  recordedPerson,
  signChange,
  signRequest,
  type GrantableRight,
  type Identity,
  type Member,
  type RegisterChange,
} from '#access';
import { systemClock, systemIds } from '#host';
import { digestOf } from '#kernel';
import { confirmationToWire, controlApi, ServedEngine, type RegisterWire } from '#server';
import { planeOf } from '#workflow';
import { engineRig, type EngineRig } from '../src/workflow/fixtures/engine-rig.ts';
import { foundersOf } from '../src/workflow/fixtures/people.ts';

export const operatorToken = 'the-token-in-the-state-folder';

/** An answer of the API. */
export type Answer = {
  readonly status: number;
  readonly body: Record<string, unknown> & { readonly error?: { readonly message: string } };
};

/** Somebody with a key. */
export const somebody = (name: string, functions: readonly string[] = ['risk'], email = `${name}@example.com`): Identity =>
  newIdentity({ id: systemIds.uuid(), name, emails: [email], functions }, randomBytes(32));

/** The whole API over a real engine and a real database, with people in its register; whoever is asked about is driven from outside, over HTTP requests alone. */
export type PeopleRig = AsyncDisposable & {
  readonly rig: EngineRig;
  readonly plane: string;
  readonly people: { readonly ada: Identity; readonly ben: Identity; readonly dana: Identity };
  readonly send: (method: 'GET' | 'POST', path: string, authorization: string, body?: unknown) => Promise<Answer>;
  /** As the holder of the operator's token. */
  readonly operator: (method: 'GET' | 'POST', path: string, body?: unknown) => Promise<Answer>;
  /** As a person, by their key. */
  readonly as: (who: Identity, method: 'GET' | 'POST', path: string, body?: unknown) => Promise<Answer>;
  readonly signed: (who: Identity, method: 'GET' | 'POST', path: string, body?: unknown) => string;
  readonly register: () => Promise<RegisterWire>;
  /** The body that asks for a change, signed upon the register as it is now. */
  readonly asks: (who: Identity, change: RegisterChange, member?: Member) => Promise<Record<string, unknown>>;
};

/** The change that makes an identity a member with these rights. */
export function memberOf(
  kind: 'admit' | 'change',
  { person }: Identity,
  rights: readonly GrantableRight[] = [],
): { readonly change: RegisterChange; readonly member: Member } {
  const member = asMember(person, rights, randomBytes(16).toString('hex'));
  return { change: { kind, person: recordedPerson(member) }, member };
}

/** Ada and Ben keep the register; Dana writes the code (`dana@example.com` is the author of every commit) and has no right of her own. */
export async function peopleRig(): Promise<PeopleRig> {
  const rig = await engineRig();
  const people = { ada: somebody('ada', ['risk']), ben: somebody('ben', ['trading']), dana: somebody('dana', ['risk', 'trading']) };
  const founders = foundersOf(people.ada, people.ben, people.dana).map((founder) => ({
    ...founder,
    rights: founder.card.name === 'dana' ? [] : founder.rights,
  }));
  const founded = await rig.engine.register.found(founders);
  if (!founded.ok) throw founded.error;
  const plane = planeOf(rig.ports.keys);
  const { engine, ports } = rig;
  const served = new ServedEngine({
    engine,
    environment: ports.environment,
    keys: ports.keys,
    log: { read: () => undefined },
    clock: systemClock,
    ids: systemIds,
    about: { product: 'sluice', version: '0.0.0', delivery: 'shop', executor: 'e1', pid: 1 },
  });
  const app = controlApi(served, operatorToken);
  const send: PeopleRig['send'] = async (method, path, authorization, body) => {
    const answer = await app.request(path, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: (await answer.json()) as Answer['body'] };
  };
  const signed: PeopleRig['signed'] = (who, method, path, body) =>
    signRequest(who.seed, {
      plane,
      person: who.person.id,
      method,
      target: path,
      body: digestOf(body === undefined ? '' : JSON.stringify(body)),
      at: systemClock.now(),
      nonce: randomBytes(16).toString('base64url'),
    });
  const operator: PeopleRig['operator'] = (method, path, body) => send(method, path, `Bearer ${operatorToken}`, body);
  const register = async (): Promise<RegisterWire> => (await operator('GET', '/v1/people')).body as unknown as RegisterWire;
  return {
    rig,
    plane,
    people,
    send,
    operator,
    signed,
    as: (who, method, path, body) => send(method, path, signed(who, method, path, body), body),
    register,
    asks: async (who, change, member) => ({
      change,
      ...(member === undefined ? {} : { member }),
      confirmation: confirmationToWire(
        signChange(
          { personRef: who.person.id, seed: who.seed },
          { plane, version: (await register()).version },
          change,
          systemClock.now() + 3_600_000,
        ),
      ),
    }),
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  };
}

/** A card as it is handed in. */
export const cardBody = (who: Identity): Record<string, unknown> => ({ card: cardOf(who), salt: randomBytes(16).toString('hex') });
