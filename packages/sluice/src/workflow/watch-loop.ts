import { milliseconds } from '#kernel';
import {
  observe,
  watchRules,
  type Reading,
  type RolloutEvent,
  type RolloutState,
  type RouterObservation,
  type Slot,
  type WatchProgress,
} from '#rollout';
import { prober } from './prober.ts';
import { drained, superseded, type EffectContext } from './rollout-effects.ts';

/** A hard fault has to be seen within a fraction of a second, and a sample costs two local calls. */
const SAMPLE_MS = 50;
/** What a crash may cost of a watch. */
const SAVE_EVERY_MS = 500;

type Running = Extract<RolloutState, { readonly kind: 'running' }>;

/** A watch needs besides: where to keep how far it has come. Saving never waits for the database, because a watch must see faults while that is away (I2). */
export type WatchContext = EffectContext & { readonly keep: (watch: WatchProgress) => void };

/** What a watch runs beside: nothing else, or the emptying of a slot. */
export type Beside = { readonly kind: 'alone' } | { readonly kind: 'drain'; readonly slot: Slot };

/**
 * Samples until the rollout has to decide something. It runs in one step and holds no transaction. Besides the measurements it looks at the router itself:
 * somebody may have reverted there, and then there is nothing left to watch.
 */
export async function watch(context: WatchContext, state: Running, beside: Beside): Promise<RolloutEvent> {
  const { rollout, metrics, router, clock, signal } = context;
  const { plan } = rollout;
  const rules = watchRules(plan, state.at, milliseconds(SAMPLE_MS), state.held === undefined ? 'free' : 'held');
  let progress = state.watch;
  let kept = clock.monotonic();
  const probing = prober(context);
  for (;;) {
    signal.throwIfAborted();
    const [sampled, seen] = await Promise.all([metrics.sample(plan.service, plan.candidate), router.observe(plan.service)]);
    if (seen.ok && (seen.value.epoch > state.epoch || seen.value.latch !== undefined)) return superseded(seen.value);
    const probes = probing?.since();
    const reading: Reading = sampled.ok
      ? { kind: 'sample', sample: sampled.value, ...(probes === undefined ? {} : { probes }) }
      : { kind: 'unreadable', at: clock.monotonic(), message: sampled.error.message };
    const observed = observe(progress, reading, rules);
    ({ progress } = observed);
    const { verdict } = observed;
    if (verdict.kind !== 'continue') return { kind: 'watch-ended', watch: progress, verdict };
    if (beside.kind === 'drain' && seen.ok && isEmpty(seen.value, beside.slot)) return drained(seen.value, beside.slot);
    const interruption = context.asked();
    if (interruption !== undefined) return interruption;
    if (context.late()) return { kind: 'deadline-passed' };
    if (clock.monotonic() - kept >= SAVE_EVERY_MS) {
      kept = clock.monotonic();
      context.keep(progress);
    }
    await clock.sleep(SAMPLE_MS, signal);
  }
}

/** Waits for the end of a hold, or for whoever takes the version back; whether it is faulty is for the guard to see meanwhile. */
export async function stay(context: EffectContext): Promise<RolloutEvent> {
  const { rollout, router, clock, signal } = context;
  const { state, plan } = rollout;
  const epoch = state.kind === 'running' ? state.epoch : 0;
  for (;;) {
    signal.throwIfAborted();
    const seen = await router.observe(plan.service);
    if (seen.ok && (seen.value.epoch > epoch || seen.value.latch !== undefined)) return superseded(seen.value);
    const interruption = context.asked();
    if (interruption !== undefined) return interruption;
    await clock.sleep(SAMPLE_MS, signal);
  }
}

/** Waits until a slot carries nothing more, without judging: the slot is on its way out. */
export async function drain(context: EffectContext, slot: Slot): Promise<RolloutEvent> {
  for (;;) {
    context.signal.throwIfAborted();
    const seen = await context.router.observe(context.rollout.plan.service);
    if (seen.ok && isEmpty(seen.value, slot)) return drained(seen.value, slot);
    if (context.late()) return { kind: 'deadline-passed' };
    await context.clock.sleep(SAMPLE_MS, context.signal);
  }
}

const isEmpty = ({ weights, counters }: RouterObservation, slot: Slot): boolean =>
  weights[slot] === 0 && counters[slot].inFlight === 0 && counters[slot].sessions === 0;
