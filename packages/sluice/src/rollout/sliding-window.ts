/** Adds a slice to a sliding window of about `lengthMs`, kept as at most `pieces` + 1 slices, so that it stays small enough for a row. */
export function slide<S extends { readonly ms: number }>(
  window: readonly S[],
  slice: S,
  size: { readonly lengthMs: number; readonly pieces: number },
  merge: (a: S, b: S) => S,
): readonly S[] {
  const newest = window.at(-1);
  const grown =
    newest !== undefined && newest.ms < size.lengthMs / size.pieces ? [...window.slice(0, -1), merge(newest, slice)] : [...window, slice];
  let total = grown.reduce((sum, one) => sum + one.ms, 0);
  let first = 0;
  // The oldest slice goes as soon as the others are long enough by themselves.
  for (; first < grown.length - 1; first += 1) {
    const oldest = grown[first]?.ms ?? 0;
    if (total - oldest < size.lengthMs) break;
    total -= oldest;
  }
  return grown.slice(first);
}
