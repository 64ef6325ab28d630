import {
  asMember,
  checkMember,
  checkRequest,
  confirmationProblem,
  confirmationsFor,
  countedConfirmations,
  foundRegister,
  membersAsRecorded,
  nonceLasts,
  personOfCard,
  recordedPerson,
  rightFor,
  takeStep,
  type Card,
  type Confirmation,
  type GrantableRight,
  type Member,
  type Principal,
  type RecordedRegister,
  type RegisterChange,
  type RequestClaim,
  type RequestStatement,
} from '#access';
import type { Delivery } from '#define';
import { digestOf, digestOfJson, err, hours, ok, SluiceError, type Result } from '#kernel';
import { ruleOf } from './approvals.ts';
import type { DeploymentContext } from './deployment-step.ts';
import type { ChangeRow, Proposal } from './records.ts';
import { changeEntry, foundedEntry, tightened, tightenedEntry } from './register-entries.ts';
import type { Tx } from './store.ts';

type Asked<T> = Promise<Result<T, SluiceError>>;
type Context = Pick<DeploymentContext, 'store' | 'record' | 'clock' | 'ids' | 'delivery' | 'register' | 'signal'>;
type Who = { readonly actorRef: string; readonly requestId: string };

/** The register with what the record must not hold: names, addresses, and what waits. */
export type RegisterView = {
  readonly plane: string;
  readonly register: RecordedRegister;
  readonly members: readonly Member[];
  readonly waiting: readonly ChangeRow[];
  /** Applied leases with their reasons, newest first. */
  readonly reasons: ReadonlyMap<string, string>;
};

/** What a change that was asked for came to. */
export type ChangeAnswer =
  | { readonly kind: 'applied'; readonly number: number }
  | { readonly kind: 'waiting'; readonly number: number; readonly counted: number; readonly needed: number };

/** A person to be there from the start. */
export type Founder = { readonly card: Card; readonly rights: readonly GrantableRight[]; readonly salt: string };

/** How many changes may wait at a time, and for how long: whoever holds a token can hand in cards. */
const MOST_WAITING = 100;
const WAITS_MS = hours(7 * 24);
/** How long one change waits until the one before it is in the signed record; that takes milliseconds while all is well. */
const RECORD_WITHIN_MS = 15_000;

/** Whether an environment of the definition asks for approvals: then no change of people is one person's doing. */
const asksForApprovals = (delivery: Delivery): boolean =>
  Object.values(delivery.environments).some((each) => ruleOf(each).functions.length > 0);

/** The register as recorded, with rows that agree with it; refused when they do not. */
async function peopleOf({
  store,
  register,
}: Pick<Context, 'store' | 'register'>): Asked<{ readonly register: RecordedRegister; readonly members: readonly Member[] }> {
  const recorded = await register.current();
  if (!recorded.ok) return recorded;
  const members = membersAsRecorded(await store.transaction((tx) => store.people.list(tx)), recorded.value.people);
  return members.ok ? ok({ register: recorded.value, members: members.value }) : members;
}

/** Who is there, and what waits. */
export async function registerView(context: Context): Asked<RegisterView> {
  const { store, clock } = context;
  const people = await peopleOf(context);
  if (!people.ok) return people;
  const { waiting, applied } = await store.transaction(async (tx) => ({
    waiting: await store.register.list(tx, 'waiting', MOST_WAITING),
    applied: await store.register.list(tx, 'applied', 1_000),
  }));
  const reasons = applied.flatMap(({ proposal: { change, reason } }) =>
    change.kind === 'grant-lease' && reason !== undefined ? [[change.lease.leaseRef, reason.text] as const] : [],
  );
  return ok({
    ...people.value,
    plane: context.register.plane,
    waiting: waiting.filter(({ at }) => clock.now() - at < WAITS_MS).toReversed(),
    reasons: new Map(reasons),
  });
}

/**
 * The first people: named by whoever starts the control plane, never over its API, so that no token admits anybody. Given again, the same people change nothing;
 * others are refused.
 */
export async function foundPeople(context: Context, founders: readonly Founder[], tries = 5): Asked<'founded' | 'there'> {
  const { store, record, ids } = context;
  const members: Member[] = [];
  for (const { card, rights, salt } of founders) {
    const person = personOfCard(card);
    if (!person.ok) return person;
    const member = checkMember(asMember(person.value, rights, salt), members);
    if (!member.ok) return member;
    members.push(member.value);
  }
  const recorded = await settledRegister(context);
  if (!recorded.ok) return recorded;
  if (recorded.value.people.size > 0) return ok('there');
  const founded = foundRegister(recorded.value, members.map(recordedPerson), asksForApprovals(context.delivery) ? 2 : 1);
  if (!founded.ok) return founded;
  const entry = foundedEntry(record, founded.value, { actorRef: 'operator', requestId: ids.next() });
  const written = await store.transaction(async (tx) => {
    if ((await store.register.lock(tx)) !== recorded.value.version) return 'stale';
    await store.register.advance(tx, founded.value.version);
    for (const member of members) await store.people.put(tx, member);
    await record.append(tx, [entry]);
    return 'written';
  });
  if (written === 'stale') return tries > 1 ? foundPeople(context, founders, tries - 1) : err(behind());
  return (await recordedSoon(context, founded.value.version)) ? ok('founded') : err(behind());
}

/**
 * A change of people takes two as soon as an environment asks for approvals and two keep the register. It is a step of the register like any other, with a version
 * of its own: a change that one person confirmed at the same moment comes before it, or is judged again after it.
 */
export async function tighten(context: Context, tries = 5): Asked<void> {
  const { store, record, ids, delivery } = context;
  if (!asksForApprovals(delivery)) return ok(undefined);
  const recorded = await settledRegister(context);
  if (!recorded.ok) return recorded;
  const next = tightened(recorded.value, 2);
  if (next === undefined) return ok(undefined);
  const entry = tightenedEntry(record, next, { actorRef: 'controller', requestId: ids.next() });
  const written = await store.transaction(async (tx) => {
    if ((await store.register.lock(tx)) !== recorded.value.version) return 'stale';
    await store.register.advance(tx, next.version);
    await record.append(tx, [entry]);
    return 'written';
  });
  if (written === 'stale') return tries > 1 ? tighten(context, tries - 1) : err(behind());
  return (await recordedSoon(context, next.version)) ? ok(undefined) : err(behind());
}

/** A card that waits to be confirmed. */
export async function join(context: Context, asked: { readonly card: Card; readonly salt: string }, who: Who): Asked<ChangeAnswer> {
  const people = await peopleOf(context);
  if (!people.ok) return people;
  const person = personOfCard(asked.card);
  if (!person.ok) return person;
  const member = checkMember(asMember(person.value, [], asked.salt), people.value.members);
  if (!member.ok) return member;
  const change: RegisterChange = { kind: 'admit', person: recordedPerson(member.value) };
  const proposal: Proposal = { change, member: member.value, proposedBy: who.actorRef, confirmations: [] };
  const row = await waits(context, proposal);
  return row.ok
    ? ok({ kind: 'waiting', number: row.value.number, counted: 0, needed: confirmationsFor(people.value.register, change) })
    : row;
}

/** A change together with its first confirmation. */
export type Submission = Pick<Proposal, 'change' | 'member' | 'reason'> & { readonly confirmation: Confirmation };

/** Asks for a change: made at once when one confirmation is enough, otherwise it waits for the next. */
export async function submit(context: Context, asked: Submission, principal: Principal, requestId: string): Asked<ChangeAnswer> {
  const { change, member, reason, confirmation } = asked;
  const own = ownConfirmation(principal, confirmation);
  if (!own.ok) return own;
  const people = await peopleOf(context);
  if (!people.ok) return people;
  const sound = soundProposal(asked, people.value.members);
  if (!sound.ok) return sound;
  const { register } = people.value;
  const problem = confirmationProblem(register, { change, plane: context.register.plane, at: context.clock.now() }, confirmation);
  if (problem !== undefined)
    return err(new SluiceError('forbidden', problem, { hint: 'look again (sluice people) and sign what is there now' }));
  const row = await waits(context, {
    change,
    ...(member === undefined ? {} : { member }),
    ...(reason === undefined ? {} : { reason }),
    proposedBy: own.value,
    confirmations: [confirmation],
  });
  return row.ok ? settle(context, row.value.number, { actorRef: own.value, requestId }) : row;
}

/** One more signature under a change that waits. */
export async function confirm(
  context: Context,
  number: number,
  confirmation: Confirmation,
  principal: Principal,
  requestId: string,
): Asked<ChangeAnswer> {
  const { store, clock, register } = context;
  const own = ownConfirmation(principal, confirmation);
  if (!own.ok) return own;
  const recorded = await register.current();
  if (!recorded.ok) return recorded;
  const added = await store.transaction(async (tx): Asked<ChangeRow> => {
    const row = await waitingRow(context, tx, number);
    if (!row.ok) return row;
    const { change, confirmations } = row.value.proposal;
    const step = { change, plane: register.plane, at: clock.now() };
    const problem = confirmationProblem(recorded.value, step, confirmation);
    if (problem !== undefined)
      return err(new SluiceError('forbidden', problem, { hint: 'look again (sluice people) and sign what is there now' }));
    // Whose earlier confirmation was of another version of the register signs anew; what counts no more is not kept.
    const others = confirmations.filter(
      (each) => each.personRef !== confirmation.personRef && confirmationProblem(recorded.value, step, each) === undefined,
    );
    const next = await store.register.update(tx, row.value, {
      state: 'waiting',
      proposal: { ...row.value.proposal, confirmations: [...others, confirmation] },
    });
    return next === 'stale'
      ? err(new SluiceError('conflict', 'somebody else confirmed it at the same moment', { hint: 'try again' }))
      : ok(next);
  });
  return added.ok ? settle(context, number, { actorRef: own.value, requestId }) : added;
}

/** Takes a change that waits off the list: whoever may confirm it may refuse it. */
export async function refuseChange(context: Context, number: number, principal: Principal): Asked<void> {
  const { store } = context;
  return store.transaction(async (tx): Asked<void> => {
    const row = await waitingRow(context, tx, number);
    if (!row.ok) return row;
    if (principal.kind !== 'person' || !principal.rights.includes(rightFor(row.value.proposal.change))) return err(notYours());
    await store.register.update(tx, row.value, { state: 'refused', proposal: row.value.proposal });
    return ok(undefined);
  });
}

async function waitingRow({ store, clock }: Context, tx: Tx, number: number): Asked<ChangeRow> {
  const row = await store.register.get(tx, number);
  if (row?.state === 'waiting' && clock.now() - row.at < WAITS_MS) return ok(row);
  return err(new SluiceError('notFound', `no change ${number} of the register waits`, { hint: 'sluice people shows what waits' }));
}

/** Only who asks signs: a confirmation of somebody else is not theirs to hand in. */
function ownConfirmation(principal: Principal, { personRef }: Confirmation): Result<string, SluiceError> {
  return principal.kind === 'person' && principal.person === personRef ? ok(`person:${personRef}`) : err(notYours());
}

const notYours = (): SluiceError =>
  new SluiceError('forbidden', 'the register is changed only by people, each with a signature of their own', {
    hint: 'sign with the identity of somebody who has the right (--file)',
  });

/** What is described must be what is signed. */
function soundProposal(
  { change, member, reason }: Pick<Proposal, 'change' | 'member' | 'reason'>,
  members: readonly Member[],
): Result<void, SluiceError> {
  const refuse = (fact: string) =>
    err(new SluiceError('usage', `the change of the register ${fact}`, { hint: 'use the sluice command to ask for it' }));
  if (change.kind === 'admit' || change.kind === 'change') {
    if (member === undefined) return refuse('comes without the person');
    const checked = checkMember(
      member,
      members.filter(({ id }) => change.kind === 'admit' || id !== member.id),
    );
    if (!checked.ok) return checked;
    return digestOfJson(recordedPerson(member)) === digestOfJson(change.person)
      ? ok(undefined)
      : refuse('does not describe the person that is signed for');
  }
  if (change.kind === 'grant-lease') {
    if (reason === undefined || reason.text.trim() === '') return refuse('needs a reason');
    return reasonDigest(reason) === change.lease.reasonDigest ? ok(undefined) : refuse('does not hold the reason that is signed for');
  }
  return ok(undefined);
}

/** The digest that stands in the record for the reason of a lease. */
export const reasonDigest = ({ text, salt }: { readonly text: string; readonly salt: string }) =>
  digestOfJson({ kind: 'sluice reason v1', text, salt });

async function waits({ store, clock }: Context, proposal: Proposal): Asked<ChangeRow> {
  const at = clock.now();
  return store.transaction(async (tx): Asked<ChangeRow> => {
    await store.register.lock(tx);
    const waiting = (await store.register.list(tx, 'waiting', 10 * MOST_WAITING)).filter((row) => at - row.at < WAITS_MS);
    const same = waiting.find((row) => digestOfJson(row.proposal.change) === digestOfJson(proposal.change));
    if (same !== undefined && proposal.confirmations.length === 0) return ok(same);
    const again =
      proposal.member !== undefined &&
      waiting.some(({ proposal: other }) => proposal.confirmations.length === 0 && other.member?.id === proposal.member?.id);
    if (again)
      return err(new SluiceError('conflict', 'this person waits to be admitted already', { hint: 'sluice people shows what waits' }));
    if (waiting.length >= MOST_WAITING && proposal.confirmations.length === 0)
      return err(
        new SluiceError('conflict', `${MOST_WAITING} changes of the register wait already`, {
          hint: 'sluice people refuse <number> takes one off the list',
        }),
      );
    return ok(await store.register.insert(tx, { state: 'waiting', proposal, at }));
  });
}

/** Makes a change for which enough people have signed. */
async function settle(context: Context, number: number, who: Who, tries = 5): Asked<ChangeAnswer> {
  const { store, record, clock, register: reader } = context;
  const tight = await tighten(context);
  if (!tight.ok) return tight;
  const recorded = await settledRegister(context);
  if (!recorded.ok) return recorded;
  const register = recorded.value;
  const at = clock.now();
  const made = await store.transaction(async (tx): Asked<ChangeAnswer | 'stale'> => {
    if ((await store.register.lock(tx)) !== register.version) return ok('stale');
    const row = await waitingRow(context, tx, number);
    if (!row.ok) return row;
    const { change, member, confirmations } = row.value.proposal;
    const step = { change, confirmations, plane: reader.plane, at };
    const counted = countedConfirmations(register, step);
    const needed = confirmationsFor(register, change);
    if (counted.length < needed) return ok({ kind: 'waiting', number, counted: counted.length, needed });
    const counting = confirmations.filter(
      (each, place) =>
        counted.includes(each.personRef) && confirmations.findIndex(({ personRef }) => personRef === each.personRef) === place,
    );
    const next = takeStep(register, { ...step, confirmations: counting });
    if (!next.ok) {
      await store.register.update(tx, row.value, { state: 'refused', proposal: row.value.proposal });
      return next;
    }
    const taken = member === undefined ? ok(undefined) : stillFree(member, change, await store.people.list(tx));
    if (!taken.ok) return taken;
    await store.register.advance(tx, next.value.version);
    if (member !== undefined) await store.people.put(tx, member);
    if (change.kind === 'remove') await store.people.remove(tx, change.personRef);
    await store.register.update(tx, row.value, { state: 'applied', proposal: row.value.proposal });
    // A card that was handed in has done its work once its owner is in.
    const cards = (await store.register.list(tx, 'waiting', MOST_WAITING)).filter(
      (other) => member !== undefined && other.proposal.member?.id === member.id && other.number !== number,
    );
    for (const card of cards) await store.register.update(tx, card, { state: 'refused', proposal: card.proposal });
    const environment = change.kind === 'end-lease' ? (register.leases.get(change.leaseRef)?.environment ?? null) : null;
    await record.append(tx, [changeEntry(record, { change, confirmations: counting, register: next.value.version, at, environment }, who)]);
    return ok({ kind: 'applied', number });
  });
  if (!made.ok) return made;
  // Another change came first: this one is judged again upon what it made.
  if (made.value === 'stale') return tries > 1 ? settle(context, number, who, tries - 1) : err(behind());
  if (made.value.kind === 'applied') {
    if (!(await recordedSoon(context, register.version + 1))) return err(behind());
    const tighter = await tighten(context);
    if (!tighter.ok) return tighter;
  }
  return ok(made.value);
}

/** An address or key may have become somebody else's while the change waited. */
function stillFree(member: Member, change: RegisterChange, rows: readonly Member[]): Result<unknown, SluiceError> {
  return checkMember(
    member,
    rows.filter(({ id }) => change.kind === 'admit' || id !== member.id),
  );
}

/** The register once everything that was changed is in the signed record. */
async function settledRegister(context: Context): Asked<RecordedRegister> {
  const { store, register } = context;
  const version = await store.transaction((tx) => store.register.lock(tx));
  return (await recordedSoon(context, version)) ? register.current() : err(behind());
}

const behind = (): SluiceError =>
  new SluiceError('unavailable', 'the last change of the register is not in the signed record yet', {
    hint: 'try again in a moment; sluice status says when the record stands still',
  });

async function recordedSoon({ register, clock, signal }: Context, version: number): Promise<boolean> {
  const deadline = clock.monotonic() + RECORD_WITHIN_MS;
  for (;;) {
    const recorded = await register.current();
    if (!recorded.ok) throw recorded.error;
    if (recorded.value.version >= version) return true;
    if (clock.monotonic() > deadline || signal.aborted) return false;
    await clock.sleep(10, signal);
  }
}

/** The person who signed a request, by the key that the record knows. */
export async function authenticatePerson(
  context: Context,
  claim: RequestClaim,
  request: Pick<RequestStatement, 'method' | 'target' | 'body'>,
): Asked<Principal> {
  const { store, clock, register } = context;
  const recorded = await register.current();
  if (!recorded.ok) return recorded;
  const person = recorded.value.people.get(claim.person);
  if (person === undefined) {
    return err(
      new SluiceError('forbidden', `person ${claim.person.slice(0, 8)} is not admitted here`, {
        details: { reason: 'not-admitted' },
        hint: 'sluice identity register hands in your card; somebody with the right "people" confirms it',
      }),
    );
  }
  const now = clock.now();
  const { person: personRef, at, nonce } = claim;
  const checked = checkRequest(
    person,
    { ...request, plane: register.plane, person: personRef, at, nonce },
    { signature: claim.signature, now },
  );
  if (!checked.ok) return checked;
  // Looking twice does no harm, and what was seen by whoever repeats it was seen before.
  if (
    request.method !== 'GET' &&
    !(await store.transaction((tx) => store.nonces.take(tx, `${personRef} ${nonce}`, { now, expiresAt: now + nonceLasts })))
  )
    return err(new SluiceError('forbidden', 'this signed request was taken before: somebody repeats it', { hint: 'send it anew' }));
  return ok({ kind: 'person', person: personRef, rights: person.rights });
}

/** The machine whose token this is. */
export async function authenticateMachine({ register, clock }: Context, token: string): Asked<Principal> {
  const recorded = await register.current();
  if (!recorded.ok) return recorded;
  const digest = digestOf(token);
  // Digests of 256 random bits: how long a comparison takes tells nothing that helps to find a token.
  const machine = [...recorded.value.machines.values()].find(({ tokenDigest }) => tokenDigest === digest);
  if (machine === undefined) return err(new SluiceError('forbidden', 'the token is unknown or was revoked', { hint: 'sluice token list' }));
  if (machine.expiresAt !== null && machine.expiresAt <= clock.now())
    return err(
      new SluiceError('forbidden', `the token of ${machine.name} has expired`, {
        hint: 'somebody with the right "machines" makes a new one: sluice token create',
      }),
    );
  return ok({ kind: 'machine', machine: machine.machineRef, rights: machine.rights });
}
