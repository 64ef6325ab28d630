import { type Digest, digestOfJson, err, ok, type Result, SluiceError } from '#kernel';
import { admitPerson, type Person } from './person.ts';
import { grantableRights, type GrantableRight } from './right.ts';

/** A person of the register. The salt makes the digest of the whole tell nothing of name and addresses to whoever has only the record (I10). */
export type Member = Person & { readonly rights: readonly GrantableRight[]; readonly salt: string };

/** What the record knows of a member: everything that counts, and one digest over all of it. */
export type RecordedPerson = {
  readonly personRef: string;
  readonly publicKey: string;
  readonly functions: readonly string[];
  readonly rights: readonly GrantableRight[];
  readonly memberDigest: Digest;
};

const sorted = <T extends string>(words: readonly T[]): readonly T[] => [...new Set(words)].toSorted((a, b) => (a < b ? -1 : 1));

/** A member in the one spelling that is digested: lists are sets. */
export const asMember = (person: Person, rights: readonly GrantableRight[], salt: string): Member => ({
  id: person.id,
  name: person.name,
  emails: sorted(person.emails),
  functions: sorted(person.functions),
  publicKey: person.publicKey,
  rights: sorted(rights),
  salt,
});

/** The digest of everything that the register holds of a member. */
export const memberDigest = ({ id, name, emails, functions, publicKey, rights, salt }: Member): Digest =>
  digestOfJson({ kind: 'sluice member v1', id, name, emails, functions, publicKey, rights, salt });

/** A member as the record names them. */
export const recordedPerson = (member: Member): RecordedPerson => ({
  personRef: member.id,
  publicKey: member.publicKey,
  functions: member.functions,
  rights: member.rights,
  memberDigest: memberDigest(member),
});

/** As many as the record can name of one person. */
const mostFunctions = 16;

/** Whether a member can be in the register beside these others. */
export function checkMember(member: Member, others: readonly Person[]): Result<Member, SluiceError> {
  const admitted = admitPerson(member, others);
  if (!admitted.ok) return admitted;
  const refuse = (fact: string, hint: string) => err(new SluiceError('usage', `person ${JSON.stringify(member.name)}: ${fact}`, { hint }));
  if (member.functions.length > mostFunctions) return refuse(`more than ${mostFunctions} functions`, 'name those that approvals ask for');
  const unknown = member.rights.find((right) => !grantableRights.includes(right));
  if (unknown !== undefined) return refuse(`no right "${unknown}"`, `there are: ${grantableRights.join(', ')}`);
  if (!/^[0-9a-f]{32}$/.test(member.salt)) return refuse('the salt is not 16 bytes', 'use the sluice command to ask for the change');
  const plain = asMember(member, member.rights, member.salt);
  if (memberDigest(plain) !== memberDigest(member))
    return refuse('a list names something twice, or is not in order', 'use the sluice command to ask for the change');
  return ok(member);
}

/** The rows of the register as the record says they must be, or the first that differs: a changed key, name, address, function or right is seen. */
export function membersAsRecorded(
  rows: readonly Member[],
  recorded: ReadonlyMap<string, RecordedPerson>,
): Result<readonly Member[], SluiceError> {
  const differs = (who: string, fact: string) =>
    err(
      new SluiceError(
        'verificationFailed',
        `the register of people in the database disagrees with the signed record: person ${who.slice(0, 8)} ${fact}`,
        {
          hint: 'nothing moves forward until it is put right; reverts work. Restore the table "person" from a backup and find out who wrote to it',
        },
      ),
    );
  for (const row of rows) {
    const known = recorded.get(row.id);
    if (known === undefined) return differs(row.id, 'was never admitted');
    if (digestOrNone(row) !== known.memberDigest) return differs(row.id, 'is not as it was admitted');
  }
  const missing = [...recorded.keys()].find((id) => !rows.some((row) => row.id === id));
  return missing === undefined ? ok(rows) : differs(missing, 'is missing');
}

/** A row may hold anything once somebody wrote to the database by hand. */
function digestOrNone(row: Member): Digest | undefined {
  try {
    return memberDigest(row);
  } catch {
    return undefined;
  }
}
