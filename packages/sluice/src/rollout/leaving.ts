import type { BothCounters } from './counter-delta.ts';
import { bucketUpperBound, histogramTotal, quantile, subtractHistogram } from './histogram.ts';
import type { Slot, SlotCounters } from './ports.ts';

/** How many requests of each slot were left by clients for reasons of their own, since the counters began. */
export type Excused = Readonly<Record<Slot, number>>;

export const nobodyExcused: Excused = { blue: 0, green: 0 };

/** Below this many latencies a slot's p99 says little about how long an answer usually takes. */
const fewestLatencies = 100;
/** Up to so many times the usual latency nobody has waited for long. */
const usualTimes = 2;
/** So many at least leave at once, or it is no crowd. */
const fewestOfCrowd = 2;

const slots = ['blue', 'green'] as const;

/**
 * The counters without the clients that left for reasons of their own, and how many those are by now. Two kinds are nobody's fault:
 *
 * - who left sooner than the slot usually takes to answer (twice its p99): a load tool that ends has requests in flight, and so has any client that stops;
 * - a crowd that left in one moment, so that nothing is open any more in the whole service: it is one event, and counts as one.
 *
 * A slot that hangs is neither: its clients have waited longer than its answers take, and others come after them.
 */
export function withoutLeavers(
  now: BothCounters,
  last: BothCounters | undefined,
  excused: Excused,
): { readonly counters: BothCounters; readonly excused: Excused } {
  const nothingOpen = slots.every((slot) => now[slot].inFlight === 0);
  const sum: Record<Slot, number> = { ...excused };
  for (const slot of slots) {
    const before = last?.[slot];
    if (before === undefined) continue;
    // Counters that began anew began without anybody who left.
    const same = before.generation === now[slot].generation;
    if (!same) sum[slot] = 0;
    sum[slot] += leavers(now[slot], same ? before : undefined, same ? excused[slot] : 0, nothingOpen);
  }
  return { counters: { blue: less(now.blue, sum.blue), green: less(now.green, sum.green) }, excused: sum };
}

/** How many of those that left since the last sample left for reasons of their own. */
function leavers(now: SlotCounters, before: SlotCounters | undefined, excusedBefore: number, nothingOpen: boolean): number {
  // What was seen last is without those excused then.
  const left = (now.abandoned ?? 0) - (before === undefined ? 0 : (before.abandoned ?? 0) + excusedBefore);
  if (left <= 0) return 0;
  const early = before === undefined ? 0 : Math.min(left, leftEarly(now, before));
  const crowd = nothingOpen && left - early >= fewestOfCrowd ? left - early - 1 : 0;
  return early + crowd;
}

function leftEarly(now: SlotCounters, before: SlotCounters): number {
  const after = subtractHistogram(now.abandonedAfter ?? [], before.abandonedAfter ?? []);
  if (histogramTotal(after) === 0 || histogramTotal(now.latency) < fewestLatencies) return 0;
  const usual = (quantile(now.latency, 0.99) ?? 0) * usualTimes;
  return after.reduce((sum, count, bucket) => (bucketUpperBound(bucket) <= usual ? sum + count : sum), 0);
}

const less = (counters: SlotCounters, excused: number): SlotCounters =>
  excused === 0 ? counters : { ...counters, abandoned: Math.max(0, (counters.abandoned ?? 0) - excused) };
