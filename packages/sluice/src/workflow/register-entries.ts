import { type Confirmation, foundRegister, type RecordedPerson, type RecordedRegister, type RegisterChange, takeStep } from '#access';
import { assertNever } from '#kernel';
import { epochOf, type Entry, type EntryType, type PendingEntry } from '#ledger';
import { entryTime, type Recorder } from './record.ts';

/** The entry types that the register is folded from. */
const types = [
  'register.founded',
  'register.tightened',
  'person.admitted',
  'person.changed',
  'person.removed',
  'machine.admitted',
  'machine.revoked',
  'lease.granted',
  'lease.ended',
] as const satisfies readonly EntryType[];
type RegisterEntryType = (typeof types)[number];

/** Whether an entry is one of those that say who may do what. */
export const isRegisterEntry = (entry: Entry): entry is Entry<RegisterEntryType> => types.some((type) => type === entry.type);

type Who = { readonly actorRef: string; readonly requestId: string };

/** The subject of entries about the register as a whole. */
const whole = { kind: 'register', id: 'people', digest: null } as const;

/** The founding of a register. */
export const foundedEntry = (record: Recorder, register: RecordedRegister, { actorRef, requestId }: Who): PendingEntry =>
  record.entry('register.founded', {
    actorRef,
    requestId,
    chainId: 'register',
    env: null,
    subject: whole,
    body: { register: register.version, needed: register.confirmations, founders: [...register.people.values()] },
  });

/** A change of people takes more confirmations from now on. */
export const tightenedEntry = (
  record: Recorder,
  { version, confirmations }: RecordedRegister,
  { actorRef, requestId }: Who,
): PendingEntry =>
  record.entry('register.tightened', {
    actorRef,
    requestId,
    chainId: 'register',
    env: null,
    subject: whole,
    body: { register: version, needed: confirmations },
  });

/** The entry of a change that was made; `register` is the version it made. */
export function changeEntry(
  record: Recorder,
  made: {
    readonly change: RegisterChange;
    readonly confirmations: readonly Confirmation[];
    readonly register: number;
    readonly at: number;
    readonly environment: string | null;
  },
  { actorRef, requestId }: Who,
): PendingEntry {
  const { change, register } = made;
  const head = { actorRef, requestId, chainId: 'register', env: null, at: made.at };
  const confirmations = made.confirmations.map(({ personRef, expiresAt, signature }) => ({
    personRef,
    expiresAt: entryTime(expiresAt),
    signature,
  }));
  const about = (kind: 'person' | 'machine' | 'lease', id: string) => ({ kind, id, digest: null }) as const;
  switch (change.kind) {
    case 'admit':
    case 'change':
      return record.entry(change.kind === 'admit' ? 'person.admitted' : 'person.changed', {
        ...head,
        subject: about('person', change.person.personRef),
        body: { register, confirmations, person: change.person },
      });
    case 'remove':
      return record.entry('person.removed', { ...head, subject: about('person', change.personRef), body: { register, confirmations } });
    case 'admit-machine': {
      const { machineRef, name, rights, tokenDigest, expiresAt } = change.machine;
      return record.entry('machine.admitted', {
        ...head,
        subject: about('machine', machineRef),
        body: { register, confirmations, name, rights, tokenDigest, expiresAt: expiresAt === null ? null : entryTime(expiresAt) },
      });
    }
    case 'revoke-machine':
      return record.entry('machine.revoked', { ...head, subject: about('machine', change.machineRef), body: { register, confirmations } });
    case 'grant-lease': {
      const { leaseRef, lowers, environment, expiresAt, reasonDigest } = change.lease;
      return record.entry('lease.granted', {
        ...head,
        env: environment,
        subject: about('lease', leaseRef),
        body: { register, confirmations, lowers, expiresAt: entryTime(expiresAt), reasonDigest },
      });
    }
    case 'end-lease':
      return record.entry('lease.ended', {
        ...head,
        env: made.environment,
        subject: about('lease', change.leaseRef),
        body: { register, confirmations },
      });
    default:
      return assertNever(change);
  }
}

/** The register after an entry, or why the entry does not count: one that nobody confirmed changes nothing, whoever wrote it into the log. */
export function afterEntry(
  register: RecordedRegister,
  entry: Entry<RegisterEntryType>,
  plane: string,
): RecordedRegister | { readonly ignored: string } {
  const at = epochOf(entry.at);
  if (entry.body.register !== register.version + 1)
    return { ignored: `it is of another version of the register than ${register.version + 1}` };
  if (entry.type === 'register.tightened') return tightened(register, entry.body.needed) ?? { ignored: 'too few keep the register for it' };
  const next =
    entry.type === 'register.founded'
      ? foundRegister(register, entry.body.founders as readonly RecordedPerson[], entry.body.needed)
      : takeStep(register, { change: changeOf(entry), confirmations: entry.body.confirmations.map(read), plane, at });
  return next.ok ? next.value : { ignored: next.error.message };
}

/** More confirmations than before, once enough people keep the register to give them; undefined when it is no such step. */
export function tightened(register: RecordedRegister, needed: number): RecordedRegister | undefined {
  const keepers = [...register.people.values()].filter(({ rights }) => rights.includes('people')).length;
  return needed > register.confirmations && needed <= 2 && keepers >= needed
    ? { ...register, version: register.version + 1, confirmations: needed }
    : undefined;
}

const read = ({
  personRef,
  expiresAt,
  signature,
}: {
  readonly personRef: string;
  readonly expiresAt: string;
  readonly signature: string;
}): Confirmation => ({
  personRef,
  expiresAt: epochOf(expiresAt),
  signature,
});

function changeOf(entry: Entry<Exclude<RegisterEntryType, 'register.founded' | 'register.tightened'>>): RegisterChange {
  const { id } = entry.subject;
  switch (entry.type) {
    case 'person.admitted':
      return { kind: 'admit', person: entry.body.person as RecordedPerson };
    case 'person.changed':
      return { kind: 'change', person: entry.body.person as RecordedPerson };
    case 'person.removed':
      return { kind: 'remove', personRef: id };
    case 'machine.admitted': {
      const { name, rights, tokenDigest, expiresAt } = entry.body;
      const machine = { machineRef: id, name, rights, tokenDigest, expiresAt: expiresAt === null ? null : epochOf(expiresAt) };
      return { kind: 'admit-machine', machine } as RegisterChange;
    }
    case 'machine.revoked':
      return { kind: 'revoke-machine', machineRef: id };
    case 'lease.granted': {
      const { lowers, expiresAt, reasonDigest } = entry.body;
      const lease = { leaseRef: id, lowers, environment: entry.env ?? '', expiresAt: epochOf(expiresAt), reasonDigest };
      return { kind: 'grant-lease', lease } as RegisterChange;
    }
    case 'lease.ended':
      return { kind: 'end-lease', leaseRef: id };
    default:
      return assertNever(entry);
  }
}
