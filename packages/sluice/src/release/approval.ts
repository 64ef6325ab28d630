import { emailForm, isApprovalBy, type ApprovalStatement, type MachineIdentities, type Person } from '#access';
import { type Digest, err, hours, minutes, ok, type Result, shortDigest, type SluiceError } from '#kernel';
import { assignFunctions } from './function-assignment.ts';

/** Who must sign: one distinct person for each function named. */
export type ApprovalRule = { readonly functions: readonly string[] };

/** How long a signature may count: a day, so that an approval on Friday does not let something in on Monday (I8). */
export const approvalLasts = hours(24);

/** How far ahead the clock of a person's machine may be. */
const clockSkew = minutes(5);

/** A signature as it was handed in. */
export type Approval = ApprovalStatement & { readonly person: string; readonly signature: string };

/** Why an approval does not count. Codes go to the ledger, the line to people. */
export type ApprovalRefusal = { readonly code: ApprovalRefusalCode; readonly line: string };

/** The closed list of reasons not to count an approval. */
export type ApprovalRefusalCode =
  | 'unknown-person'
  | 'bad-signature'
  | 'other-subject'
  | 'expired'
  | 'lasts-too-long'
  | 'author'
  | 'machine'
  | 'no-function'
  | 'signed-already';

/** Whether a release may enter. `refused`: no signature could ever be enough until a person puts it right. */
export type ApprovalState =
  | {
      readonly kind: 'waiting';
      readonly missing: number;
      readonly needs: readonly string[];
      readonly given: readonly GivenApproval[];
      readonly refusals: readonly ApprovalRefusal[];
    }
  | { readonly kind: 'granted'; readonly given: readonly GivenApproval[]; readonly refusals: readonly ApprovalRefusal[] }
  | { readonly kind: 'refused'; readonly error: SluiceError };

/** A person, and the function they sign for. */
export type GivenApproval = { readonly person: string; readonly function: string };

/** What approvals are judged against. `authors`: who made what changed since the live release, or why that is not known. */
export type ApprovalQuestion = {
  readonly rule: ApprovalRule;
  readonly subject: Digest;
  readonly people: readonly Person[];
  /** Addresses that are no person's: whoever is registered with one approves nothing. */
  readonly machines?: MachineIdentities;
  readonly authors: Result<ReadonlySet<string>, SluiceError>;
  readonly now: number;
};

/** Judges all approvals of a deployment together (C04, C05, X-04). */
export function approvalState(question: ApprovalQuestion, approvals: readonly Approval[]): ApprovalState {
  const { rule, authors } = question;
  if (rule.functions.length === 0) return { kind: 'granted', given: [], refusals: [] };
  if (!authors.ok) return { kind: 'refused', error: authors.error };
  const { counted, refusals } = countApprovals(question, approvals, authors.value);
  const { assigned, missing, needs } = assignFunctions(rule.functions, counted);
  if (missing === 0) return { kind: 'granted', given: assigned, refusals };
  return { kind: 'waiting', missing, needs, given: assigned, refusals };
}

/** Whose approvals count now, and why the others do not. */
export function countApprovals(
  question: ApprovalQuestion,
  approvals: readonly Approval[],
  authors: ReadonlySet<string>,
): { readonly counted: readonly Person[]; readonly refusals: readonly ApprovalRefusal[] } {
  const counted: Person[] = [];
  const refusals: ApprovalRefusal[] = [];
  for (const approval of approvals) {
    const judged = judgeApproval(question, approval, authors, counted);
    if (judged.ok) counted.push(judged.value);
    else refusals.push(judged.error);
  }
  return { counted, refusals };
}

/** Whether one more approval counts beside those of `signed`, and why not: what a person is told who has just signed. */
export function judgeApproval(
  { rule, subject, people, machines = {}, now }: ApprovalQuestion,
  approval: Approval,
  authors: ReadonlySet<string>,
  signed: readonly Person[],
): Result<Person, ApprovalRefusal> {
  const person = people.find((known) => known.id === approval.person);
  if (person === undefined) return refuse('unknown-person', 'nobody of the register has signed; sluice people lists who is there');
  const { name } = person;
  if (!isApprovalBy(person, approval, approval.signature))
    return refuse('bad-signature', `the signature is not by ${name}'s key for this deployment; sign again`);
  if (approval.subject !== subject) {
    const fact = `${name} approved ${shortDigest(approval.subject)}, this deployment is ${shortDigest(subject)}`;
    return refuse('other-subject', `${fact}: something changed since; look again and sign what is there now`);
  }
  if (approval.expiresAt <= now) return refuse('expired', `the approval by ${name} has expired; sign again`);
  if (approval.expiresAt - now > approvalLasts + clockSkew)
    return refuse(
      'lasts-too-long',
      `the approval by ${name} would count for more than a day; look at the clock of that machine and sign again`,
    );
  const machine = Object.keys(machines).find((address) => person.emails.some((email) => emailForm(email) === emailForm(address)));
  if (machine !== undefined)
    return refuse('machine', `${name} is registered with ${machine}, which is declared to be a machine's; a person must approve`);
  if (authors.has(person.id))
    return refuse('author', `${name} wrote, co-wrote or committed part of this change; somebody else must approve`);
  if (signed.some((other) => other.id === person.id))
    return refuse('signed-already', `${name} has signed already; a second, distinct person is needed`);
  if (!rule.functions.some((required) => person.functions.includes(required))) {
    return refuse(
      'no-function',
      `${name} (${person.functions.join(', ') || 'no function'}) has none of the functions asked for: ${rule.functions.join(', ')}`,
    );
  }
  return ok(person);
}

const refuse = (code: ApprovalRefusalCode, line: string) => err<ApprovalRefusal>({ code, line });
