import type { Digest } from './digest.ts';

/**
 * The answer to a question of policy. There are three, never two: what could not be measured neither passed nor failed (I1).
 * `evidence` holds the digests of what was judged; an inconclusive verdict may have none.
 */
export type Verdict =
  | { readonly kind: 'pass'; readonly because: string; readonly evidence: readonly Digest[] }
  | { readonly kind: 'fail'; readonly because: string; readonly evidence: readonly Digest[] }
  | { readonly kind: 'inconclusive'; readonly because: string; readonly evidence: readonly Digest[]; readonly hint?: string };

/** The kinds of a verdict, worst last. */
export type VerdictKind = Verdict['kind'];

/** Many verdicts as one: any failure fails, else any doubt is inconclusive; nothing at all is inconclusive, never a pass. */
export function worstVerdict(kinds: readonly VerdictKind[]): VerdictKind {
  if (kinds.includes('fail')) return 'fail';
  if (kinds.length === 0 || kinds.includes('inconclusive')) return 'inconclusive';
  return 'pass';
}
