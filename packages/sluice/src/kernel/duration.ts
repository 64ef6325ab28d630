import type { Brand } from './brand.ts';

/** A length of time in milliseconds, zero or more, exact to the microsecond. */
export type Duration = Brand<number, 'Duration'>;

function duration(ms: number, source: string): Duration {
  if (!Number.isFinite(ms) || ms < 0) throw new RangeError(`${source}: a duration is a finite number, zero or more`);
  const exact = Math.round(ms * 1_000) / 1_000;
  // Rounding a limit silently would judge by another limit than the one written down.
  if (Math.abs(exact - ms) > 1e-9 * Math.max(1, ms)) throw new RangeError(`${source}: a duration is exact to the microsecond`);
  return exact as Duration;
}

/** `n` microseconds, a whole number. */
export const microseconds = (n: number): Duration => duration(n / 1_000, `microseconds(${n})`);
/** `n` milliseconds. */
export const milliseconds = (n: number): Duration => duration(n, `milliseconds(${n})`);
/** `n` seconds. */
export const seconds = (n: number): Duration => duration(n * 1_000, `seconds(${n})`);
/** `n` minutes. */
export const minutes = (n: number): Duration => duration(n * 60_000, `minutes(${n})`);
/** `n` hours. */
export const hours = (n: number): Duration => duration(n * 3_600_000, `hours(${n})`);

/** For people: `0.8s`, `14.2s`, `5m`, `1h 42m`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${(ms / 1_000).toFixed(ms < 100 ? 2 : 1)}s`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1).replace(/\.0$/, '')}s`;
  const total = Math.round(ms / 1_000);
  const h = Math.floor(total / 3_600);
  const m = Math.floor((total % 3_600) / 60);
  const s = total % 60;
  const parts = h > 0 ? [`${h}h`, ...(m > 0 ? [`${m}m`] : [])] : [`${m}m`, ...(s > 0 ? [`${s}s`] : [])];
  return parts.join(' ');
}
