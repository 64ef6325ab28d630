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
 * Who made a change: the references of every author, co-author and committer. One address that belongs to nobody refuses the whole: an author that is not
 * known could be any of the approvers (C04).
 */
export function changeAuthors(commits: readonly CommitEmails[], people: readonly Person[]): Result<ReadonlySet<string>, SluiceError> {
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
      if (id === undefined) return err(unmapped(sha, role, email, [...byEmail.keys()]));
      authors.add(id);
    }
  }
  return ok(authors);
}

const trailer = /^co-authored-by:[ \t]*(.*)$/gim;

/**
 * The addresses of the `Co-authored-by` trailers of a commit message. One without an address is given as it stands: it maps to nobody and so blocks,
 * where dropping it would let a co-author approve.
 */
export function coAuthorEmails(message: string): readonly string[] {
  return [...message.matchAll(trailer)].map(([, value = '']) => /<([^<>]*)>\s*$/.exec(value)?.[1] ?? value.trim());
}

function unmapped(sha: string, role: string, email: string, known: readonly string[]): SluiceError {
  const suggestion = didYouMean(emailForm(email), known);
  return new SluiceError(
    'forbidden',
    `commit ${sha.slice(0, 7)}: its ${role} ${email === '' ? 'without an address' : email} is no known person.${suggestion}`,
    {
      hint: 'add the address to a person with sluice identity register; until then nobody can be shown not to be the author',
    },
  );
}
