import { bucketOf, type Histogram, histogramTotal, subtractHistogram } from './histogram.ts';
import type { Slot, SlotCounters } from './ports.ts';
import type { Tally } from './watch-progress.ts';

/** Counters of both slots at one moment. */
export type BothCounters = Readonly<Record<Slot, SlotCounters>>;

/**
 * What a slot did between two samples. `answered` are the requests that came to an end with an answer or an error; `requests` are also those whose client
 * left before: for their callers they failed, and a slot that hangs would otherwise be judged by the good answers alone that are left.
 */
export type Delta = {
  readonly answered: Tally;
  readonly requests: Tally;
  /** Long-lived connections that the instance ended first, without a word: bad only beside a slot whose connections end otherwise. */
  readonly dropped: number;
  readonly latency: Histogram;
};

const slots = ['blue', 'green'] as const;

/** Why these counters cannot be evidence; undefined when they can. Counters that are no counts measure nothing (I1). */
export function problemOfCounters(counters: BothCounters, last: BothCounters | undefined): string | undefined {
  for (const slot of slots) {
    const now = counters[slot];
    if (![now.answers, now.errors, now.inFlight, abandonedOf(now), droppedOf(now), ...now.latency].every(isCount))
      return `counters of ${slot} are not counts`;
    const before = last?.[slot];
    if (before === undefined || before.generation !== now.generation) continue;
    if (
      now.answers < before.answers ||
      now.errors < before.errors ||
      abandonedOf(now) < abandonedOf(before) ||
      droppedOf(now) < droppedOf(before) ||
      histogramTotal(now.latency) < histogramTotal(before.latency)
    ) {
      return `counters of ${slot} went back`;
    }
  }
  return undefined;
}

/** Whether a slot's counters began anew between two samples. */
export const beganAnew = (now: BothCounters, last: BothCounters): boolean =>
  slots.some((slot) => now[slot].generation !== last[slot].generation);

/** What a slot did from one sample to a later one of the same generation. */
export function deltaOf(now: SlotCounters, before: SlotCounters): Delta {
  const errors = now.errors - before.errors;
  const abandoned = abandonedOf(now) - abandonedOf(before);
  // Requests that got no answer at all count as errors, not as answers: there were at least as many requests as errors.
  const answered = { answers: Math.max(now.answers - before.answers, errors), bad: errors };
  return {
    answered,
    requests: { answers: answered.answers + abandoned, bad: errors + abandoned },
    dropped: droppedOf(now) - droppedOf(before),
    latency: subtractHistogram(now.latency, before.latency),
  };
}

/** What is compared between two slots: a connection that ended without a word is as bad as an error, if it ends so more often than at the other. */
export const comparable = ({ requests, dropped }: Delta): Tally => ({
  answers: requests.answers,
  bad: Math.min(requests.answers, requests.bad + dropped),
});

/** How many requests of a delta were left by their clients. */
export const leftIn = ({ requests, answered }: Delta): number => requests.answers - answered.answers;

/** How many of the answers took longer than a limit; the limit's own bucket counts as not longer. */
export function slowerThan(latency: Histogram, limitMicroseconds: number): Tally {
  const from = bucketOf(limitMicroseconds) + 1;
  let bad = 0;
  for (let at = from; at < latency.length; at += 1) bad += latency[at] ?? 0;
  return { answers: histogramTotal(latency), bad };
}

/** Both together. */
export const addTallies = (a: Tally, b: Tally): Tally => ({ answers: a.answers + b.answers, bad: a.bad + b.bad });

/** The share of bad answers; 0 without answers. */
export const badShare = ({ answers, bad }: Tally): number => (answers === 0 ? 0 : bad / answers);

const abandonedOf = ({ abandoned = 0 }: SlotCounters): number => abandoned;

const droppedOf = ({ dropped = 0 }: SlotCounters): number => dropped;

const isCount = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;
