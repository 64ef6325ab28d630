import { parseGlob } from '#kernel';

/** Who is given a secret, as the serving definition has it. */
export type Grant = {
  readonly jobs: readonly string[];
  readonly services: readonly string[];
  readonly environments: readonly string[];
  readonly refs?: readonly string[];
};

/** Who asks for a secret. */
export type SecretUser =
  | { readonly kind: 'job'; readonly job: string }
  | { readonly kind: 'service'; readonly service: string; readonly environment: string };

/** The full name that a pattern is compared with: one word is a branch. A branch can be called anything, also `tags/v1` or `origin/main`; a full name can not. */
const fullPattern = (pattern: string): string => (pattern.startsWith('refs/') ? pattern : `refs/heads/${pattern}`);

const depth = (path: string): number => path.split('/').length;

/** Whether a ref, by its full name, is one of those that patterns name. `*` stays within a name. */
function isNamed(pattern: string, ref: string): boolean {
  const full = fullPattern(pattern);
  // A pattern of files stands for all below what it names; one of refs does not.
  return (full.includes('**') || depth(full) === depth(ref)) && parseGlob(full).matches(ref);
}

/** Whether a commit that lies on these refs, by their full names, lies on one that is named. */
export const liesOn = (refs: readonly string[], patterns: readonly string[]): boolean =>
  refs.some((ref) => patterns.some((pattern) => isNamed(pattern, ref)));

/** Refs for people: branches by their short names. */
export const shortRefs = (refs: readonly string[]): string =>
  refs.map((ref) => ref.replace(/^refs\/(?:heads|remotes)\//, '')).join(', ') || 'no branch';

/** Why somebody is not given a secret, in one line, or nothing. Only what the serving definition grants counts (I11). */
export function secretRefusal(
  name: string,
  user: SecretUser,
  trust: {
    readonly grants: ReadonlyMap<string, Grant>;
    /** Undefined where it does not matter on which refs the commit lies. */
    readonly refs: readonly string[] | undefined;
    readonly protectedRefs: readonly string[];
  },
): string | undefined {
  const grant = trust.grants.get(name);
  const who = user.kind === 'job' ? `job "${user.job}"` : `service "${user.service}" in ${user.environment}`;
  const given =
    user.kind === 'job'
      ? grant?.jobs.includes(user.job) === true
      : grant?.services.includes(user.service) === true && grant.environments.includes(user.environment);
  if (!given) return `${who} asks for the secret ${name}, which the definition that sluice serve was started with does not grant to it`;
  const refs = grant?.refs ?? trust.protectedRefs;
  if (trust.refs === undefined || liesOn(trust.refs, refs)) return undefined;
  return `${who} asks for the secret ${name}, which only commits on ${shortRefs(refs)} are given; this one is on ${shortRefs(trust.refs)}`;
}
