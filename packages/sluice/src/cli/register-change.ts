import { randomBytes } from 'node:crypto';
import { asMember, confirmationLasts, recordedPerson, signChange, type Identity, type Member, type RegisterChange } from '#access';
import { SluiceError } from '#kernel';
import { confirmationToWire, type ChangeAnswerWire, type ChangeRequest, type ControlClient, type RegisterWire } from '#server';
import { flag, text, type Invocation } from './command.ts';
import { defaultIdentityFile, readIdentity } from './identity-store.ts';

/** Somebody who changes the register: the API as themselves, the register as they see it, and the key they sign with. */
export type Signatory = { readonly client: ControlClient; readonly register: RegisterWire; readonly identity: Identity };

/** The person of the identity file, who must be in the register: a change of it is signed by name. */
export async function signatory(invocation: Invocation): Promise<Signatory> {
  const { world } = invocation;
  const file = text(invocation, 'file');
  const identity = await readIdentity(file ?? defaultIdentityFile(world.env));
  const client = await (await world.controlPlane(text(invocation, 'state'))).client(file);
  const register = await client.people();
  if (!register.people.some(({ id }) => id === identity.person.id))
    throw new SluiceError('forbidden', `${identity.person.name} is not in the register`, {
      hint: 'sluice identity register hands in your card',
    });
  return { client, register, identity };
}

/** 16 random bytes: with them the digest of a text or person tells nothing of it. */
export const newSalt = (): string => randomBytes(16).toString('hex');

/** The person's confirmation of a change of the register as it is now. */
export function confirmationOf(
  { client, register, identity }: Signatory,
  change: RegisterChange,
  now: number,
): ChangeRequest['confirmation'] {
  const signer = { personRef: identity.person.id, seed: identity.seed };
  return confirmationToWire(signChange(signer, { plane: client.plane, version: register.version }, change, now + confirmationLasts));
}

/** What a change came to, in one line: done, or who has to do what next. */
export function tellAnswer(invocation: Invocation, answer: ChangeAnswerWire, what: string): number {
  const { terminal } = invocation;
  if (flag(invocation, 'json')) terminal.json(answer);
  else if (answer.state === 'applied') terminal.print(`${terminal.symbol('pass')} ${what}`);
  else
    terminal.print(
      `${terminal.symbol('pass')} ${what} waits as change ${answer.number}: ${answer.counted ?? 0} of ${answer.needed ?? 1} have confirmed it → sluice people confirm ${answer.number}`,
    );
  return 0;
}

/** A member of the register by name, address or the beginning of the reference. */
export function memberNamed(register: RegisterWire, who: string): Member {
  const wanted = who.toLowerCase();
  const found = register.people.filter(
    ({ id, name, emails }) =>
      name.toLowerCase() === wanted ||
      emails.some((email) => email.toLowerCase() === wanted) ||
      (wanted.length >= 4 && id.startsWith(wanted)),
  );
  const [only] = found;
  if (only === undefined)
    throw new SluiceError('notFound', `nobody in the register is ${JSON.stringify(who)}`, { hint: 'sluice people lists everybody' });
  if (found.length > 1)
    throw new SluiceError('usage', `${JSON.stringify(who)} may be ${found.length} people`, { hint: 'give the reference, or an address' });
  return only;
}

/** The change that makes a member so. */
export function memberChange(
  kind: 'admit' | 'change',
  person: Omit<Member, 'salt'>,
): { readonly change: RegisterChange; readonly member: NonNullable<ChangeRequest['member']> } {
  const member = asMember(person, person.rights, newSalt());
  return {
    change: { kind, person: recordedPerson(member) },
    member: { ...member, emails: [...member.emails], functions: [...member.functions], rights: [...member.rights] },
  };
}
