import type { BasisPoints, Duration } from '#kernel';

/**
 * One step of a rollout. A strategy is a list of these; one interpreter runs them all. Each has a deadline, so that nothing waits for ever (D04).
 * From the first `shift` to `commit` the old slot stays warm (I9); in every phase in which the new version may get traffic a watch runs (D06).
 */
export type Phase =
  | { readonly kind: 'prepare'; readonly deadline: Duration }
  | { readonly kind: 'attest'; readonly deadline: Duration }
  | { readonly kind: 'verify'; readonly deadline: Duration }
  | { readonly kind: 'shift'; readonly weight: BasisPoints; readonly deadline: Duration }
  | { readonly kind: 'watch'; readonly weight: BasisPoints; readonly for: Duration; readonly deadline: Duration }
  | { readonly kind: 'commit'; readonly deadline: Duration }
  | { readonly kind: 'keep-warm'; readonly for: Duration; readonly deadline: Duration }
  | { readonly kind: 'drain'; readonly deadline: Duration }
  | { readonly kind: 'retire'; readonly deadline: Duration };

/** The kinds of a phase, in the order a rollout meets them: the crash matrix walks this list. */
export const phaseKinds = [
  'prepare',
  'attest',
  'verify',
  'shift',
  'watch',
  'commit',
  'keep-warm',
  'drain',
  'retire',
] as const satisfies readonly Phase['kind'][];
