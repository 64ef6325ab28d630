import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '#kernel';

/** How long this process may be held up, and how often it is looked at, in milliseconds. */
export type DelayPolicy = { readonly alarmAtMs: number; readonly everyMs: number };

/**
 * Tells, until the signal aborts, each time this process was held up for longer than allowed: nothing in it ran meanwhile, and a watch of a rollout saw nothing. `held` hears the longest
 * time since the last look, in milliseconds.
 */
export async function watchLoopDelay(clock: Clock, policy: DelayPolicy, signal: AbortSignal, held: (ms: number) => void): Promise<void> {
  const delays = monitorEventLoopDelay({ resolution: 10 });
  delays.enable();
  try {
    while (!signal.aborted) {
      await clock.sleep(policy.everyMs, signal).catch(() => undefined);
      const longest = delays.max / 1e6;
      delays.reset();
      if (longest >= policy.alarmAtMs) held(longest);
    }
  } finally {
    delays.disable();
  }
}
