import type { Slot, SlotCounters } from './ports.ts';
import type { UsageProgress } from './usage-trigger.ts';

/** Answers (or requests) of one slot, and how many of them were bad. */
export type Tally = { readonly answers: number; readonly bad: number };

/** A stretch of watched time in a sliding window: what the new slot and the whole service answered in it. */
export type Slice = { readonly ms: number; readonly candidate: Tally; readonly service: Tally };

/** Where one threshold trigger stands: its sliding window, and for how long it has been in breach without a break. */
export type TriggerProgress = {
  readonly window: readonly Slice[];
  readonly breachMs: { readonly candidate: number; readonly service: number };
};

/** A test that may be looked at after every sample; see statistics.ts. One running value per alternative. */
export type EvidenceProgress = { readonly values: readonly number[]; readonly massLeft: number };

/** Answers of both slots that wait to be compared: of a quiet service one interval rarely holds answers of both. */
export type Pending = { readonly ms: number; readonly candidate: Tally; readonly stable: Tally };

/** A short window for effect sizes: requests, and slow answers, of both slots. */
export type RecentSlice = {
  readonly ms: number;
  readonly candidate: Tally;
  readonly stable: Tally;
  readonly slowCandidate: Tally;
  readonly slowStable: Tally;
  /** How many of the bad requests were left by their clients; absent in progress that was written before they were told apart. */
  readonly leftCandidate?: number;
  readonly leftStable?: number;
};

/**
 * How far a watch has come, as plain data that survives a crash. Only time in which samples arrived counts (I16):
 * `lastAt` belongs to the clock of one reader and is dropped when another one takes over.
 */
export type WatchProgress = {
  readonly lastAt?: number;
  readonly watchedMs: number;
  /** Time without a break in which nothing could be decided. */
  readonly heldMs: number;
  readonly samples: number;
  /** Watched time since the new slot's last answer. */
  readonly quietMs: number;
  /** Counters from which this watch counts, per slot, within one generation. */
  readonly from?: Readonly<Record<Slot, SlotCounters>>;
  /** The last trusted counters. */
  readonly last?: Readonly<Record<Slot, SlotCounters>>;
  /** How many requests were left by clients for reasons of their own; `from` and `last` are without them. Absent in progress that was written before they were told apart. */
  readonly excused?: Readonly<Record<Slot, number>>;
  readonly triggers: readonly TriggerProgress[];
  readonly pending: Pending;
  readonly errors: EvidenceProgress;
  readonly latency: EvidenceProgress;
  readonly absolute: EvidenceProgress;
  readonly recent: readonly RecentSlice[];
  /** Requests of our own that were sent as declared, beside the answers of the traffic and never among them; absent where none were. */
  readonly probes?: Tally;
  /** What the instances use; kept over the whole rollout, for growth is seen over hours. */
  readonly usage?: UsageProgress;
  /** Epoch milliseconds of the first bad answer of the new slot in this watch, as the router saw it. */
  readonly firstErrorAt?: number;
};

const freshEvidence: EvidenceProgress = { values: [], massLeft: 1 };

/** Before the first sample. */
export const unwatched: WatchProgress = {
  watchedMs: 0,
  heldMs: 0,
  samples: 0,
  quietMs: 0,
  triggers: [],
  pending: { ms: 0, candidate: { answers: 0, bad: 0 }, stable: { answers: 0, bad: 0 } },
  errors: freshEvidence,
  latency: freshEvidence,
  absolute: freshEvidence,
  recent: [],
};

/** The watch of the next phase: counts from where the last one ended, so that nothing in between stays unseen, and a breach goes on (D06). */
export function nextWatch(done: WatchProgress): WatchProgress {
  const { last, lastAt, excused } = done;
  return {
    ...unwatched,
    triggers: done.triggers,
    recent: done.recent,
    ...(done.usage === undefined ? {} : { usage: done.usage }),
    ...(last === undefined ? {} : { from: last, last }),
    ...(lastAt === undefined ? {} : { lastAt }),
    ...(excused === undefined ? {} : { excused }),
  };
}

/** How many answers of a slot a watch has seen. */
export const answersOf = ({ from, last }: WatchProgress, slot: Slot): number =>
  from === undefined || last === undefined ? 0 : Math.max(0, last[slot].answers - from[slot].answers);

/** Counts from these counters when nothing was watched before: what the first answers after a shift say must not be lost. */
export function watchFrom(progress: WatchProgress, counters: Readonly<Record<Slot, SlotCounters>>): WatchProgress {
  return progress.last === undefined ? { ...progress, from: counters, last: counters } : progress;
}

/** The same watch in the hands of another reader, whose clock has nothing to do with the first one's. */
export function resumeWatch(progress: WatchProgress): WatchProgress {
  const { lastAt: _otherClock, ...rest } = progress;
  return rest;
}
