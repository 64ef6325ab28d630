import { assertNever, type Clock } from '#kernel';
import {
  allHealthy,
  crashOf,
  exposedAt,
  phaseAt,
  problemOfAttestations,
  worthRepeating,
  type Problem,
  type RolloutCommand,
  type RolloutEvent,
  type RouterObservation,
  type RouterRefusal,
  type Slot,
  type SmokeAnswers,
} from '#rollout';
import type { EnvironmentPorts } from './ports.ts';
import type { RolloutRecord } from './rollout-record.ts';

/** How often a condition that must come true is looked at. */
const LOOK_MS = 50;

/** Everything one effect may use. */
export type EffectContext = EnvironmentPorts & {
  readonly rollout: RolloutRecord;
  readonly clock: Clock;
  /** Aborts when the controller stops or has lost the rollout. */
  readonly signal: AbortSignal;
  /** True once the state has lasted as long as it may. */
  readonly late: () => boolean;
  /** What a person asked for meanwhile, if the rollout must hear it now. */
  readonly asked: () => RolloutEvent | undefined;
};

type Quick = Exclude<RolloutCommand, { readonly kind: 'watch' | 'drain' | 'commit' | 'stay' }>;

/**
 * Does what one command says and answers with what happened. Each may be done twice: the target knows the order by its key, the router an epoch by its number and a
 * revert by its id. Unreachable is no answer: it is tried again until the deadline.
 */
export async function perform(context: EffectContext, command: Quick): Promise<RolloutEvent> {
  for (;;) {
    context.signal.throwIfAborted();
    const interruption = command.kind === 'revert' || command.kind === 'observe-revert' ? undefined : context.asked();
    if (interruption !== undefined) return interruption;
    const event = await attempt(context, command);
    const again = event.kind === 'step-failed' && (worthRepeating(event.problem) || isBetweenStarts(context, command, event.problem));
    if (!again) return event;
    if (context.late()) return { kind: 'deadline-passed' };
    await context.clock.sleep(LOOK_MS, context.signal);
  }
}

/** While it serves, an instance that ended a moment ago is started again by its agent: not to be measured now is no reason yet to take the version back. */
const isBetweenStarts = ({ rollout: { plan, state } }: EffectContext, command: Quick, problem: Problem): boolean =>
  command.kind === 'attest' &&
  state.kind === 'running' &&
  exposedAt(plan, state.at) &&
  problem.kind === 'target' &&
  problem.problem.kind === 'refused';

async function attempt(context: EffectContext, command: Quick): Promise<RolloutEvent> {
  const { rollout, target, router } = context;
  const { service, candidate } = rollout.plan;
  switch (command.kind) {
    case 'take-epoch': {
      const taken = await router.takeEpoch(service, command.after);
      return taken.ok ? { kind: 'epoch-taken', epoch: taken.value.epoch, weights: taken.value.weights } : refused(context, taken.error);
    }
    case 'place': {
      const placed = await target.place(rollout.order);
      return placed.ok ? { kind: 'placed' } : failed({ kind: 'target', problem: placed.error });
    }
    case 'attest': {
      const attested = await target.attest(service, candidate);
      return attested.ok ? { kind: 'attested', attestations: attested.value } : failed({ kind: 'target', problem: attested.error });
    }
    case 'verify':
      return verify(context);
    case 'route': {
      const { epoch, weights, revertTo } = command;
      const unmeasured = await problemOfFirstShift(context);
      if (unmeasured !== undefined) return unmeasured;
      const routed = await router.route(service, revertTo === undefined ? { epoch, weights } : { epoch, weights, revertTo });
      if (!routed.ok) return refused(context, routed.error);
      return { kind: 'routed', epoch: routed.value.epoch, weights: routed.value.weights, counters: routed.value.counters };
    }
    case 'retire': {
      const retired = await target.retire(service, command.slot, command.key);
      return retired.ok ? { kind: 'retired' } : failed({ kind: 'target', problem: retired.error });
    }
    case 'preserve': {
      // What it died of, before its slot is emptied.
      const seen = await target.observe(service, command.slot);
      const crash = seen.ok && seen.value.key === command.key ? crashOf(seen.value.instances) : undefined;
      const preserved = await target.preserve(service, command.slot, command.key, command.name);
      return preserved.ok
        ? { kind: 'preserved', folder: preserved.value, ...(crash === undefined ? {} : { crash }) }
        : failed({ kind: 'target', problem: preserved.error });
    }
    case 'revert': {
      const reverted = await router.revert(service, { id: command.id, by: command.by, reason: command.reason });
      if (reverted.ok) return revertObserved(reverted.value);
      // The step that would have moved the first weight failed before it did: there is no way back because nobody left, and what the router does is looked at.
      const seen = reverted.error.kind === 'nothing-to-revert-to' ? await router.observe(service) : undefined;
      return seen?.ok === true ? revertObserved(seen.value) : failed({ kind: 'router', refusal: reverted.error });
    }
    case 'observe-revert': {
      const seen = await router.observe(service);
      return seen.ok ? revertObserved(seen.value) : failed({ kind: 'router', refusal: seen.error });
    }
    default:
      return assertNever(command);
  }
}

/** Waits until every instance is healthy, as long as the service may take, then asks what a new version must answer as told. */
async function verify(context: EffectContext): Promise<RolloutEvent> {
  const { rollout, target, clock, signal } = context;
  const { plan, order } = rollout;
  const until = clock.monotonic() + order.startWithin;
  for (;;) {
    const seen = await target.observe(plan.service, plan.candidate);
    if (!seen.ok) return failed({ kind: 'target', problem: seen.error });
    const { instances } = seen.value;
    let unmeasured: string | undefined;
    if (allHealthy(plan, instances)) {
      const smoke: SmokeAnswers[] = [];
      for (const check of plan.smoke) {
        const answers = await target.probe(plan.service, plan.candidate, check.path);
        if (!answers.ok) return failed({ kind: 'target', problem: answers.error });
        smoke.push({ check, answers: answers.value });
      }
      const measured = await measuredAgain(context);
      if (measured.kind === 'as-approved') return { kind: 'verified', instances, smoke };
      if (measured.kind !== 'not-measured') return measured;
      unmeasured = measured.message;
    }
    if (clock.monotonic() >= until) {
      // Healthy is not approved: what could not be measured by now gets no traffic (I1, I6).
      if (unmeasured !== undefined) return failed({ kind: 'attestation', message: unmeasured });
      return { kind: 'verified', instances, smoke: [] };
    }
    const interruption = context.asked();
    if (interruption !== undefined) return interruption;
    if (context.late()) return { kind: 'deadline-passed' };
    await clock.sleep(LOOK_MS, signal);
  }
}

/**
 * Measures once more what was attested before it was healthy: only now does a service surely answer what it says it is, and an instance may have been
 * started again since (I6).
 */
async function measuredAgain({
  rollout,
  target,
}: EffectContext): Promise<{ readonly kind: 'as-approved' } | { readonly kind: 'not-measured'; readonly message: string } | RolloutEvent> {
  const { plan } = rollout;
  const attested = await target.attest(plan.service, plan.candidate);
  if (!attested.ok) {
    const { kind, message } = attested.error;
    // As a rule an instance ended between the looks: the agent starts it again, and the next look finds it.
    return kind === 'refused' ? { kind: 'not-measured', message } : failed({ kind: 'target', problem: attested.error });
  }
  const message = problemOfAttestations(plan, attested.value);
  return message === undefined ? { kind: 'as-approved' } : failed({ kind: 'attestation', message });
}

/** The first traffic is given to what was measured a moment ago, also when the controller that verified it is long dead (I6); every later shift has a phase of its own for that. */
async function problemOfFirstShift(context: EffectContext): Promise<RolloutEvent | undefined> {
  const { plan, state } = context.rollout;
  if (state.kind !== 'running' || phaseAt(plan, state.at).kind !== 'shift' || exposedAt(plan, state.at - 1)) return undefined;
  const measured = await measuredAgain(context);
  if (measured.kind === 'as-approved') return undefined;
  return measured.kind === 'not-measured' ? failed({ kind: 'attestation', message: measured.message }) : measured;
}

/** A router that refuses tells of somebody who was there before us; what it shows now says who. */
async function refused({ router, rollout }: EffectContext, refusal: RouterRefusal): Promise<RolloutEvent> {
  if (refusal.kind === 'latched') return { kind: 'superseded', epoch: refusal.epoch, latch: refusal.latch };
  if (refusal.kind !== 'stale-epoch') return failed({ kind: 'router', refusal });
  const seen = await router.observe(rollout.plan.service);
  if (!seen.ok) return failed({ kind: 'router', refusal: seen.error });
  return superseded(seen.value);
}

/** The router's present epoch and latch, as the news that somebody else moved it. */
export const superseded = ({ epoch, latch }: RouterObservation): RolloutEvent =>
  latch === undefined ? { kind: 'superseded', epoch } : { kind: 'superseded', epoch, latch };

const revertObserved = ({ epoch, weights, latch }: RouterObservation): RolloutEvent =>
  latch === undefined ? { kind: 'revert-observed', epoch, weights } : { kind: 'revert-observed', epoch, weights, latch };

const failed = (problem: Problem): RolloutEvent => ({ kind: 'step-failed', problem });

/** What the router shows of one slot that shall run empty. */
export const drained = (seen: RouterObservation, slot: Slot): RolloutEvent => ({
  kind: 'drained',
  weights: seen.weights,
  inFlight: seen.counters[slot].inFlight,
  sessions: seen.counters[slot].sessions,
});
