import { canonicalJson, type Digest, digestOf, type Json } from '#kernel';
import type { ReleaseBundle } from './bundle.ts';

/** A release as an approver must see it: its name, its commit, and all that its digest is over. */
export type ApprovedRelease = {
  readonly digest: Digest;
  readonly version: string;
  readonly commit: string;
  readonly bundle: ReleaseBundle;
};

/** A commit with everybody who made it, by e-mail address. */
export type ApprovedCommit = {
  readonly sha: string;
  readonly subject: string;
  readonly author: string;
  readonly committer: string;
  readonly coAuthors: readonly string[];
};

/** Commits of a change: how many, who made them, the newest ones, and a digest over all of them. */
export type ApprovedCommits = {
  readonly count: number;
  readonly people: readonly string[];
  readonly newest: readonly ApprovedCommit[];
  readonly digest: Digest;
};

/**
 * Everything that an approval is of: what goes where, how, when, what it changes from what is live, and on which evidence under which rule. It is also
 * everything that an approver is shown: the view is rendered from this document and from nothing else, so that what is shown is what is signed.
 */
export type ApprovalSubject = {
  readonly environment: string;
  /** The service that moves. */
  readonly service: string;
  readonly release: ApprovedRelease;
  /** What is live, with the settings it was started with; null for a first release, or where nobody has to sign. */
  readonly previous: (ApprovedRelease & { readonly settings: Json }) | null;
  /** What the environment itself sets for the service: variables, instances. */
  readonly settings: Json;
  readonly strategy: Json;
  /** When it may move; null when at any time. */
  readonly window: Json;
  /** The verdicts that were reached. */
  readonly verdicts: readonly { readonly gate: string; readonly kind: string; readonly because: string; readonly digest: Digest }[];
  /** The rule that asks for the approvals, and the addresses it takes for machines. */
  readonly rule: {
    readonly functions: readonly string[];
    readonly since: string | null;
    readonly machineIdentities: Readonly<Record<string, 'committer' | 'author'>>;
  };
  /** What comes and what goes; null where nobody has to sign. */
  readonly commits: { readonly added: ApprovedCommits; readonly removed: ApprovedCommits } | null;
};

/** The form of the document; another form is another kind, so that no signature can be read as one of something else. */
export const approvalKind = 'sluice approval subject v2';

/** The document in its one spelling (RFC 8785): these bytes are digested, sent to the approver's machine, digested there again, and shown. */
export function approvalText(subject: ApprovalSubject): string {
  const { environment, service, release, previous, settings, strategy, window, verdicts, rule, commits } = subject;
  return canonicalJson({
    kind: approvalKind,
    environment,
    service,
    release,
    previous,
    settings,
    strategy,
    window,
    verdicts,
    rule,
    commits,
  });
}

/** The digest that people sign. Any change of any part gives another, and with it every signature is void. */
export const approvalSubject = (subject: ApprovalSubject): Digest => digestOf(approvalText(subject));

/** How many commits the document spells out; all of them are in its digest. */
const mostCommits = 100;

/** Commits as the document names them, newest first. */
export function approvedCommits(commits: readonly ApprovedCommit[]): ApprovedCommits {
  const people = new Set(commits.flatMap(({ author, committer, coAuthors }) => [author, committer, ...coAuthors]));
  return {
    count: commits.length,
    people: [...people].toSorted((a, b) => (a < b ? -1 : 1)),
    newest: commits.slice(0, mostCommits),
    digest: digestOf(canonicalJson(commits)),
  };
}
