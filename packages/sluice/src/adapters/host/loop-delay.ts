import type { Clock } from '#kernel';

/** How long this process may be held up, and how often it is looked at, in milliseconds. */
export type DelayPolicy = { readonly alarmAtMs: number; readonly everyMs: number };

/**
 * Tells, until the signal aborts, each time this process was held up for longer than allowed: nothing in it ran meanwhile, and a watch of a rollout saw nothing. `held` hears how much too
 * late it woke, in milliseconds.
 */
export async function watchLoopDelay(clock: Clock, policy: DelayPolicy, signal: AbortSignal, held: (ms: number) => void): Promise<void> {
  while (!signal.aborted) {
    const slept = clock.monotonic();
    await clock.sleep(policy.everyMs, signal).catch(() => undefined);
    const late = clock.monotonic() - slept - policy.everyMs;
    if (late >= policy.alarmAtMs) held(late);
  }
}
