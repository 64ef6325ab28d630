/** Where time comes from. Nobody else asks the machine. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z; may jump when an administrator sets it. For records and people. */
  now(): number;
  /** Milliseconds from an arbitrary start, never going back, with fractions. For durations and deadlines. */
  monotonic(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when that aborts first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** RFC 3339 in UTC with milliseconds. */
export const isoTime = (epochMs: number): string => new Date(epochMs).toISOString();
