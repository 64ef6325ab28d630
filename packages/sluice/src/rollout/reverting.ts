import { type Reason, withCrash } from './reason.ts';
import { exposedAt, type RolloutPlan } from './rollout-plan.ts';
import type { GivenUp, RolloutEvent, RolloutFact, RolloutState, WayBack } from './state.ts';

/** A new state and what is worth recording about the way to it. */
export type Step = { readonly next: RolloutState; readonly facts: readonly RolloutFact[] };

type Reverting = Extract<RolloutState, { readonly kind: 'reverting' }>;
type WithPhase = { readonly at: number; readonly epoch: number };

/** Ends a rollout in a state that nothing leaves. */
export function ended(next: Extract<RolloutState, { readonly kind: 'succeeded' | GivenUp | 'stuck' }>): Step {
  return { next, facts: [next.kind === 'succeeded' ? { kind: 'ended', as: next.kind } : { kind: 'ended', as: next.kind, why: next.why }] };
}

/** Gives up: back to the old slot when the new one may have got traffic, else only cleans up. */
export function giveUp(plan: RolloutPlan, from: WithPhase, why: Reason): Step {
  const facts: readonly RolloutFact[] = [{ kind: 'revert-began', why }];
  if (!exposedAt(plan, from.at)) {
    return { next: { kind: 'reverting', why, ending: why.kind === 'asked' ? 'cancelled' : 'failed', step: { kind: 'preserve' } }, facts };
  }
  return { next: { kind: 'reverting', why, ending: 'reverted', step: { kind: 'route', way: wayBack(plan, from.epoch, why) } }, facts };
}

function wayBack(plan: RolloutPlan, epoch: number, why: Reason): WayBack {
  if (why.kind === 'latched') return { kind: 'confirm', epoch };
  return { kind: plan.stable === undefined ? 'withdraw' : 'revert', epoch };
}

/** One event of a revert; undefined when it is illegal here. */
export function stepReverting(plan: RolloutPlan, state: Reverting, event: RolloutEvent): Step | undefined {
  // Asking twice, or being taken over by another controller, changes nothing about a revert.
  if (event.kind === 'revert-asked' || event.kind === 'cancel-asked' || event.kind === 'adopted') return { next: state, facts: [] };
  if (event.kind === 'superseded') return supersededWhileReverting(state, event);
  switch (state.step.kind) {
    case 'route':
      return stepRoute(plan, state, state.step.way, event);
    case 'drain':
      // Sessions of a version that is being taken back are worth waiting for, but not for ever.
      if (event.kind === 'drained')
        return event.weights[plan.candidate] === 0 && event.inFlight === 0 && event.sessions === 0 ? on(state, 'preserve') : stay(state);
      if (event.kind === 'deadline-passed') return on(state, 'preserve', [{ kind: 'drain-cut-short', slot: plan.candidate }]);
      return event.kind === 'step-failed' ? stay(state) : undefined;
    case 'preserve':
      if (event.kind === 'preserved') {
        const kept: RolloutFact = { kind: 'preserved', slot: plan.candidate, folder: event.folder };
        return on({ ...state, why: withCrash(state.why, event.crash) }, 'retire', [kept]);
      }
      // Lost logs are a pity; a bad version that runs on because its logs could not be kept would be worse.
      if (event.kind === 'deadline-passed')
        return on(state, 'retire', [{ kind: 'not-preserved', slot: plan.candidate, because: 'deadline passed' }]);
      if (event.kind === 'step-failed')
        return on(state, 'retire', [{ kind: 'not-preserved', slot: plan.candidate, because: event.problem.kind }]);
      return undefined;
    case 'retire':
      if (event.kind === 'retired') {
        const end = ended({ kind: state.ending, why: state.why });
        return { ...end, facts: [{ kind: 'retired', slot: plan.candidate }, ...end.facts] };
      }
      if (event.kind === 'deadline-passed' || event.kind === 'step-failed')
        return ended({ kind: 'stuck', why: state.why, during: 'revert-retire' });
      return undefined;
  }
}

function stepRoute(plan: RolloutPlan, state: Reverting, way: WayBack, event: RolloutEvent): Step | undefined {
  if (event.kind === 'deadline-passed') return ended({ kind: 'stuck', why: state.why, during: 'revert-route' });
  // A refusal does not end a revert: the driver orders again and looks again until the deadline raises the alarm.
  if (event.kind === 'step-failed') return stay(state);
  if (event.kind !== 'revert-observed' && event.kind !== 'routed') return undefined;
  if (event.kind === 'routed' && way.kind !== 'withdraw') return undefined;
  // Observed, not assumed: an aborted rollout must not keep a share of the weight (D03).
  if (event.weights[plan.candidate] !== 0) return stay(state);
  const latched = event.kind === 'revert-observed' && event.latch !== undefined;
  // No latch and an epoch that is not ours: a newer rollout has lifted it, and both slots are its own now.
  if (!latched && event.epoch > way.epoch + 1)
    return ended({ kind: 'stuck', why: { kind: 'superseded', epoch: event.epoch }, during: 'revert-route' });
  return on(state, 'drain', [{ kind: 'reverted', weights: event.weights }]);
}

function supersededWhileReverting(state: Reverting, event: Extract<RolloutEvent, { readonly kind: 'superseded' }>): Step {
  const way = state.step.kind === 'route' ? state.step.way : undefined;
  if (event.latch !== undefined) {
    if (way === undefined) return stay(state);
    return { next: { ...state, step: { kind: 'route', way: { kind: 'confirm', epoch: event.epoch } } }, facts: [] };
  }
  // This rollout's own epoch, taken just before a crash and never recorded.
  if (way?.kind === 'withdraw' && event.epoch === way.epoch + 1) {
    return { next: { ...state, step: { kind: 'route', way: { kind: 'withdraw', epoch: event.epoch } } }, facts: [] };
  }
  return ended({ kind: 'stuck', why: { kind: 'superseded', epoch: event.epoch }, during: `revert-${state.step.kind}` });
}

const stay = (state: Reverting): Step => ({ next: state, facts: [] });

const on = (state: Reverting, step: 'drain' | 'preserve' | 'retire', facts: readonly RolloutFact[] = []): Step => ({
  next: { ...state, step: { kind: step } },
  facts,
});
