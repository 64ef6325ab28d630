import { didYouMean, err, ok, type Result, SluiceError } from '#kernel';
import { emailForm, type Person } from './person.ts';

/** The people of a commit, by e-mail address. */
export type CommitEmails = {
  readonly sha: string;
  readonly authorEmail: string;
  readonly committerEmail: string;
  /** The addresses of `Co-authored-by` trailers. */
  readonly coAuthorEmails: readonly string[];
};

/**
 * Addresses of machines, as the serving definition declares them, and what each may be: a `committer` stores what a person wrote, as a hosting
 * service does when it squashes; an `author` also writes changes by itself, as bots do.
 */
export type MachineIdentities = Readonly<Record<string, 'committer' | 'author'>>;

/**
 * Who made a change: the references of every author, co-author and committer. One address that belongs to nobody refuses the whole: an author that is not
 * known could be any of the approvers (C04). A declared machine is nobody, and hides nobody: everybody else of the same commit still counts.
 */
export function changeAuthors(
  commits: readonly CommitEmails[],
  people: readonly Person[],
  machines: MachineIdentities = {},
): Result<ReadonlySet<string>, SluiceError> {
  const byEmail = new Map(people.flatMap((person) => person.emails.map((email) => [emailForm(email), person.id] as const)));
  const authors = new Set<string>();
  for (const { sha, authorEmail, committerEmail, coAuthorEmails } of commits) {
    const roles = [
      ['author', authorEmail],
      ['committer', committerEmail],
      ...coAuthorEmails.map((email) => ['co-author', email] as const),
    ] as const;
    for (const [role, email] of roles) {
      const id = byEmail.get(emailForm(email));
      if (id !== undefined) authors.add(id);
      else if (!isMachine(machines, email, role)) return err(unmapped(sha, role, email, [...byEmail.keys()]));
    }
  }
  return ok(authors);
}

/** Whether an address is declared to be a machine's that may be this of a commit. */
export function isMachine(machines: MachineIdentities, email: string, role: 'author' | 'co-author' | 'committer'): boolean {
  const found = Object.entries(machines).find(([address]) => emailForm(address) === emailForm(email));
  return found !== undefined && (role === 'committer' || found[1] === 'author');
}

/** Lines break here for some reader or other, so they break here for us. */
const lineEnd = /\r\n|(?!\t)[\p{Cc}\p{Zl}\p{Zp}]/u;

/** Who else wrote a change, in the spellings that are in use; in the form of `keyForm`. */
const coAuthorKey = /^(?:co-?)?(?:authored|developed|written)-?by$|^co-?authors?$/;

/** A key as it is compared: without what is not seen, with one kind of hyphen. */
const keyForm = (key: string): string =>
  key
    .normalize('NFKC')
    .replaceAll(/\p{Default_Ignorable_Code_Point}/gu, '')
    .replaceAll(/[\p{Pd}_\s]+/gu, '-')
    .replaceAll(/^-|-$/g, '')
    .toLowerCase();

/**
 * The addresses of everybody whom a commit message names as co-author: in the trailers that git reads (`trailers`, one `key: value` a line), and
 * on any other line that looks like one, because tools differ in where they look. One without an address is given as it stands: it maps to nobody and
 * so blocks, where dropping it would let a co-author approve.
 */
export function coAuthorEmails(message: string, trailers = ''): readonly string[] {
  const found = new Set<string>();
  const read = (line: string, pattern: RegExp): void => {
    const [, key = '', value = ''] = pattern.exec(line) ?? [];
    if (coAuthorKey.test(keyForm(key))) for (const email of addressesIn(value)) found.add(email);
  };
  for (const line of trailers.split('\n')) read(line, /^([^:=]{1,64})[:=](.*)$/s);
  for (const line of unfolded(message)) read(line, /^([^:]{1,64}):(.*)$/s);
  return [...found];
}

/** Lines with their continuations, which begin with white space. */
function unfolded(message: string): readonly string[] {
  const lines: string[] = [];
  for (const line of message.split(lineEnd)) {
    const last = lines.at(-1);
    if (/^\s/.test(line) && last !== undefined) lines[lines.length - 1] = `${last} ${line.trim()}`;
    else lines.push(line);
    // An indented line may also be one of its own.
    if (/^\s/.test(line)) lines.push(line.trim());
  }
  return lines;
}

/** Every address in the value, in angle brackets or bare; without one, the value itself. */
function addressesIn(value: string): readonly string[] {
  const bracketed = [...value.matchAll(/<([^<>]*)>/g)].map(([, email = '']) => email.trim());
  // Cut first: a search for what may stand around the @ would begin again at every character.
  const words = value.replaceAll(/<[^<>]*>/g, ' ').split(/[\s<>(),;"]+/);
  const bare = words.filter((word) => /.@./.test(word));
  const all = [...bracketed, ...bare];
  return all.length === 0 ? [value.trim()] : all;
}

function unmapped(sha: string, role: string, email: string, known: readonly string[]): SluiceError {
  const suggestion = didYouMean(emailForm(email), known);
  return new SluiceError(
    'forbidden',
    `commit ${sha.slice(0, 7)}: its ${role} ${email === '' ? 'without an address' : email} is no known person.${suggestion}`,
    {
      hint: 'have the address added to a person (sluice people change <who> --email …), or declare it in machineIdentities when it is a machine; until then nobody can be shown not to be the author',
    },
  );
}
