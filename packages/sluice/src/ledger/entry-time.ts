/** A time as entries hold it: UTC with six decimals. A clock with fractions of a millisecond keeps them. */
export function entryTime(epochMs: number): string {
  const micros = Math.round(epochMs * 1_000);
  const ms = Math.floor(micros / 1_000);
  return `${new Date(ms).toISOString().slice(0, -1)}${String(micros - ms * 1_000).padStart(3, '0')}Z`;
}

/** Milliseconds since 1970, with fractions, of a time in an entry. */
export const epochOf = (at: string): number => Date.parse(`${at.slice(0, 23)}Z`) + Number(at.slice(23, 26)) / 1_000;
