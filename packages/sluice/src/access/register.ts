import {
  assertNever,
  type Digest,
  digestOfJson,
  ed25519Signer,
  ed25519Verify,
  err,
  fromBase64,
  hours,
  isoTime,
  minutes,
  ok,
  type Result,
  SluiceError,
  toBase64,
} from '#kernel';
import type { RecordedPerson } from './member.ts';
import { publicKeyOf } from './person.ts';
import type { GrantableRight, MachineRight } from './right.ts';

/** A token of a machine, known by its digest alone. `expiresAt` in epoch milliseconds, null for one that holds until it is revoked. */
export type RecordedMachine = {
  readonly machineRef: string;
  readonly name: string;
  readonly rights: readonly MachineRight[];
  readonly tokenDigest: Digest;
  readonly expiresAt: number | null;
};

/** What a lease can lower for a while. */
export const lowerable = ['sandbox'] as const;
export type Lowerable = (typeof lowerable)[number];

/** Something that lowers safety in an environment for a while, and lapses by itself (I8). The reason is kept beside the record; here is its digest. */
export type RecordedLease = {
  readonly leaseRef: string;
  readonly lowers: Lowerable;
  readonly environment: string;
  readonly expiresAt: number;
  readonly reasonDigest: Digest;
};

/** One change of who may do what, as it is signed and as it is recorded: no names, no addresses (I10). */
export type RegisterChange =
  | { readonly kind: 'admit' | 'change'; readonly person: RecordedPerson }
  | { readonly kind: 'remove'; readonly personRef: string }
  | { readonly kind: 'admit-machine'; readonly machine: RecordedMachine }
  | { readonly kind: 'revoke-machine'; readonly machineRef: string }
  | { readonly kind: 'grant-lease'; readonly lease: RecordedLease }
  | { readonly kind: 'end-lease'; readonly leaseRef: string };

/** A person's signature under a change. `expiresAt` in epoch milliseconds. */
export type Confirmation = { readonly personRef: string; readonly expiresAt: number; readonly signature: string };

/** Who may do what, folded from the record. `version` rises with every change of it; `confirmations`: how many people a change of people needs, never lowered. */
export type RecordedRegister = {
  readonly version: number;
  readonly confirmations: number;
  readonly people: ReadonlyMap<string, RecordedPerson>;
  readonly machines: ReadonlyMap<string, RecordedMachine>;
  readonly leases: ReadonlyMap<string, RecordedLease & { readonly owner: string }>;
};

/** A register in which nobody is yet. */
export const emptyRegister: RecordedRegister = { version: 0, confirmations: 1, people: new Map(), machines: new Map(), leases: new Map() };

/** How long a confirmation may count, and a lease may last: a day (I8). */
export const confirmationLasts = hours(24);
export const leaseLasts = hours(24);
/** How far ahead the clock of a person's machine may be. */
const clockSkew = minutes(5);

/** Where and upon what a change is signed: the register of one control plane at one version, so that no signature counts twice or elsewhere. */
export type RegisterPlace = { readonly plane: string; readonly version: number };

function statement({ plane, version }: RegisterPlace, change: RegisterChange, expiresAt: number): Uint8Array {
  return new TextEncoder().encode(`sluice register v1\n${plane}\n${version}\n${digestOfJson(change)}\n${isoTime(expiresAt)}`);
}

/** A person's confirmation of a change, upon the register as it is at this version. */
export const signChange = (
  { personRef, seed }: { readonly personRef: string; readonly seed: Uint8Array },
  place: RegisterPlace,
  change: RegisterChange,
  expiresAt: number,
): Confirmation => ({ personRef, expiresAt, signature: toBase64(ed25519Signer(seed)(statement(place, change, expiresAt))) });

/** The right that confirming a change takes. */
export function rightFor(change: RegisterChange): GrantableRight {
  switch (change.kind) {
    case 'admit':
    case 'change':
    case 'remove':
      return 'people';
    case 'admit-machine':
    case 'revoke-machine':
      return 'machines';
    case 'grant-lease':
    case 'end-lease':
      return 'lower-safety';
    default:
      return assertNever(change);
  }
}

/** How many people have to confirm a change: two for people once an environment asks for approvals, otherwise one. */
export const confirmationsFor = (register: RecordedRegister, change: RegisterChange): number =>
  rightFor(change) === 'people' ? register.confirmations : 1;

/** One step of the register. `at`, in epoch milliseconds, is when it was taken. */
export type RegisterStep = {
  readonly change: RegisterChange;
  readonly confirmations: readonly Confirmation[];
  readonly plane: string;
  readonly at: number;
};

/** Why a confirmation does not count, or nothing. */
export function confirmationProblem(
  register: RecordedRegister,
  { change, plane, at }: Omit<RegisterStep, 'confirmations'>,
  given: Confirmation,
): string | undefined {
  const signer = register.people.get(given.personRef);
  const who = `person ${given.personRef.slice(0, 8)}`;
  if (signer === undefined) return `${who} is not in the register`;
  const right = rightFor(change);
  if (!signer.rights.includes(right)) return `${who} does not have the right "${right}"`;
  const key = publicKeyOf(signer);
  const bytes = fromBase64(given.signature);
  if (
    key === undefined ||
    bytes === undefined ||
    !ed25519Verify(key, statement({ plane, version: register.version }, change, given.expiresAt), bytes)
  )
    return `the signature of ${who} is not for this change of the register as it is now (version ${register.version})`;
  if (given.expiresAt <= at) return `the confirmation of ${who} has lapsed`;
  if (given.expiresAt - at > confirmationLasts + clockSkew) return `the confirmation of ${who} would count for more than a day`;
  return undefined;
}

/** Whose confirmations count, each once. */
export function countedConfirmations(register: RecordedRegister, step: RegisterStep): readonly string[] {
  return [
    ...new Set(
      step.confirmations.filter((given) => confirmationProblem(register, step, given) === undefined).map(({ personRef }) => personRef),
    ),
  ];
}

/**
 * Takes one step: the same function for a change that is asked for and for one that is read from the record, so that an entry which nobody confirmed stops
 * the reader. Refused when too few confirmed it, when only the person it is about did, or when it would leave the register without keepers.
 */
export function takeStep(register: RecordedRegister, step: RegisterStep): Result<RecordedRegister, SluiceError> {
  const { change } = step;
  const counted = countedConfirmations(register, step);
  const needed = confirmationsFor(register, change);
  const problem = step.confirmations.map((given) => confirmationProblem(register, step, given)).find((fact) => fact !== undefined);
  if (counted.length < needed)
    return refuse(`${needed} confirmations are needed, ${counted.length} count${problem === undefined ? '' : `: ${problem}`}`);
  if (counted.every((personRef) => personRef === subjectOf(change))) return refuse('nobody but the person it is about has confirmed it');
  const changed = changedBy(register, change, counted[0] ?? '', step.at);
  if (!changed.ok) return changed;
  const keepers = [...changed.value.people.values()].filter(({ rights }) => rights.includes('people')).length;
  if (keepers < register.confirmations)
    return refuse(`fewer than ${register.confirmations} with the right "people" would be left`, 'give the right to somebody else first');
  return ok({ ...changed.value, version: register.version + 1 });
}

/** The first people, by whoever starts the control plane: only while nobody is there, and as many keepers as later changes will need. */
export function foundRegister(
  register: RecordedRegister,
  founders: readonly RecordedPerson[],
  confirmations: number,
): Result<RecordedRegister, SluiceError> {
  if (register.people.size > 0) return refuse('there are people already', 'sluice people add, confirmed by those who are there');
  const keepers = founders.filter(({ rights }) => rights.includes('people')).length;
  if (keepers < confirmations)
    return refuse(
      `the first people need at least ${confirmations} with the right "people", there ${keepers === 1 ? 'is 1' : `are ${keepers}`}`,
      'name one card more with --people',
    );
  return ok({
    ...register,
    version: register.version + 1,
    confirmations,
    people: new Map(founders.map((person) => [person.personRef, person])),
  });
}

const subjectOf = (change: RegisterChange): string | undefined =>
  change.kind === 'admit' || change.kind === 'change' ? change.person.personRef : change.kind === 'remove' ? change.personRef : undefined;

function changedBy(register: RecordedRegister, change: RegisterChange, owner: string, at: number): Result<RecordedRegister, SluiceError> {
  const { people, machines, leases } = register;
  switch (change.kind) {
    case 'admit':
      if (people.has(change.person.personRef)) return refuse('the person is in the register already');
      if (keyTaken(people, change.person)) return refuse('the key is that of another person');
      return ok({ ...register, people: new Map([...people, [change.person.personRef, change.person]]) });
    case 'change':
      if (!people.has(change.person.personRef)) return refuse('the person is not in the register');
      if (keyTaken(people, change.person)) return refuse('the key is that of another person');
      return ok({ ...register, people: new Map([...people, [change.person.personRef, change.person]]) });
    case 'remove':
      if (!people.has(change.personRef)) return refuse('the person is not in the register');
      return ok({ ...register, people: without(people, change.personRef) });
    case 'admit-machine': {
      const { machine } = change;
      if ([...machines.values()].some((other) => other.machineRef === machine.machineRef || other.name === machine.name))
        return refuse(`there is a machine "${machine.name}" already`, `sluice token revoke ${machine.name}`);
      return ok({ ...register, machines: new Map([...machines, [machine.machineRef, machine]]) });
    }
    case 'revoke-machine':
      if (!machines.has(change.machineRef)) return refuse('there is no such token');
      return ok({ ...register, machines: without(machines, change.machineRef) });
    case 'grant-lease': {
      const { lease } = change;
      if (lease.expiresAt <= at || lease.expiresAt - at > leaseLasts + clockSkew)
        return refuse('a lease lasts at most a day', 'grant it again when it has lapsed');
      return ok({ ...register, leases: new Map([...leases, [lease.leaseRef, { ...lease, owner }]]) });
    }
    case 'end-lease':
      if (!leases.has(change.leaseRef)) return refuse('there is no such lease');
      return ok({ ...register, leases: without(leases, change.leaseRef) });
    default:
      return assertNever(change);
  }
}

const keyTaken = (people: RecordedRegister['people'], person: RecordedPerson): boolean =>
  [...people.values()].some((other) => other.personRef !== person.personRef && other.publicKey === person.publicKey);

const without = <T>(map: ReadonlyMap<string, T>, key: string): ReadonlyMap<string, T> => new Map([...map].filter(([each]) => each !== key));

const refuse = (fact: string, hint?: string) =>
  err(new SluiceError('forbidden', `the register of people does not change: ${fact}`, hint === undefined ? {} : { hint }));

/** The lease that lowers something in an environment now, if one does. */
export const leaseNow = (
  register: RecordedRegister,
  lowers: Lowerable,
  environment: string,
  now: number,
): (RecordedLease & { readonly owner: string }) | undefined =>
  [...register.leases.values()].find((lease) => lease.lowers === lowers && lease.environment === environment && lease.expiresAt > now);
