import { milliseconds } from '#kernel';
import { describeReason, exposedAt, observe, phaseAt, watchRules, type Reading, type RolloutState } from '#rollout';
import type { DriverContext } from './driver-context.ts';
import type { RolloutSession } from './rollout-session.ts';

const SAMPLE_MS = 50;

type Running = Extract<RolloutState, { readonly kind: 'running' }>;

/**
 * Watches the new version whenever it may have traffic and no watch of the rollout runs: while a shift waits to be recorded, between two durable steps, before
 * a signed log. As a rule that is for milliseconds; with the database away it lasts until it is back, and nobody would look (D06). A fault sends the traffic
 * back at the router at once (I2); the rollout finds the latch, and is recorded when there is somewhere to write it. Ends with the session.
 */
export async function guard({ environment, clock }: DriverContext, session: RolloutSession): Promise<void> {
  const { signal } = session.attention;
  const { plan, environment: name } = session.rollout;
  const { router, metrics } = environment(name);
  let since: Running | undefined;
  let progress: Running['watch'] | undefined;
  while (!signal.aborted) {
    await clock.sleep(SAMPLE_MS, signal).catch(() => undefined);
    const state = unwatched(session);
    if (state === undefined || signal.aborted) {
      since = undefined;
      continue;
    }
    if (since?.at !== state.at || progress === undefined) progress = state.watch;
    since = state;
    const sampled = await metrics.sample(plan.service, plan.candidate);
    const reading: Reading = sampled.ok
      ? { kind: 'sample', sample: sampled.value }
      : { kind: 'unreadable', at: clock.monotonic(), message: sampled.error.message };
    // Only an alarm counts here: whether a watch was long enough is for the watch itself to say.
    const observed = observe(progress, reading, { ...watchRules(plan, state.at, milliseconds(SAMPLE_MS)), ends: 'alarm-only' });
    ({ progress } = observed);
    const { verdict } = observed;
    if (verdict.kind !== 'fail') continue;
    const decidedAt = clock.now();
    const reason = describeReason({ kind: 'fault', during: phaseAt(plan, state.at).kind, fault: verdict });
    // The id of the rollout's own revert: whichever comes first, it is the same one.
    const reverted = await router.revert(plan.service, { id: `${plan.deployment}-revert`, by: 'sluice', reason });
    if (!reverted.ok) continue;
    session.back = { decidedAt, safeAt: clock.now() };
    return;
  }
}

/** The state of a rollout whose new version may have traffic, with a way back, and which nobody watches now. */
function unwatched({ rollout: { plan, state }, watching }: RolloutSession): Running | undefined {
  if (watching || state.kind !== 'running' || plan.stable === undefined) return undefined;
  return exposedAt(plan, state.at) && phaseAt(plan, state.at).kind !== 'retire' ? state : undefined;
}
