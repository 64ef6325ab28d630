import { assertNever } from '#kernel';
import type { GrantableRight, MachineRight, Right } from './right.ts';

/**
 * Who asks (I17). The operator is whoever can read the token in the state folder: the owner of that folder on this machine, or a thief of the token. A person
 * has signed the request with the key that the record knows, a machine has shown the token that the record holds the digest of.
 */
export type Principal =
  | { readonly kind: 'operator' }
  | { readonly kind: 'person'; readonly person: string; readonly rights: readonly GrantableRight[] }
  | { readonly kind: 'machine'; readonly machine: string; readonly rights: readonly MachineRight[] };

/** How entries name a principal: no personal data (I10). */
export function actorRefOf(principal: Principal): string {
  switch (principal.kind) {
    case 'operator':
      return 'operator';
    case 'person':
      return `person:${principal.person}`;
    case 'machine':
      return `machine:${principal.machine}`;
    default:
      return assertNever(principal);
  }
}

/** Whether a text names a principal as entries do, and not something that a person typed. */
export const isActorRef = (text: string): boolean =>
  /^(?:operator|(?:person|machine):[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.test(text);

/** What each kind of principal may do without being given it. Going back is everybody's; judging is for people alone. */
const given = {
  operator: ['look', 'join', 'deploy', 'revert'],
  person: ['look', 'join', 'revert', 'approve'],
  machine: [],
} as const satisfies Record<Principal['kind'], readonly Right[]>;

/** Whether a principal may do this. */
export function holds(principal: Principal, right: Right): boolean {
  const own: readonly Right[] = given[principal.kind];
  const granted: readonly Right[] = principal.kind === 'operator' ? [] : principal.rights;
  return own.includes(right) || granted.includes(right);
}
