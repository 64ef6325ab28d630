import { assertNever, type BasisPoints, basisPoints, type Duration, milliseconds, minutes, seconds } from '#kernel';
import type { Phase } from './phase.ts';
import type { Slot, Weights } from './ports.ts';
import { describeReason } from './reason.ts';
import type { RolloutPlan } from './rollout-plan.ts';
import type { RevertStep, RolloutCommand, RolloutState } from './state.ts';

/**
 * What a controller must do in this state, whether it just came from `decide` or woke up after a crash; nothing in a terminal state.
 * Each command may be given twice: it repeats an effect under the same key, or only looks.
 */
export function nextCommand(plan: RolloutPlan, state: RolloutState): RolloutCommand | undefined {
  switch (state.kind) {
    case 'claiming':
    case 'reclaiming':
      return { kind: 'take-epoch', after: state.after };
    case 'running':
      return staysHeld(plan, state) ? { kind: 'stay' } : commandOfPhase(plan, phaseAt(plan, state.at), state.epoch);
    case 'retiring':
      return retireOld(plan);
    case 'reverting':
      return commandOfRevert(plan, state.step, describeReason(state.why), state.why.kind === 'asked' ? state.why.by : 'sluice');
    case 'queued':
    case 'succeeded':
    case 'reverted':
    case 'failed':
    case 'cancelled':
    case 'stuck':
      return undefined;
    default:
      return assertNever(state);
  }
}

/**
 * A hold stops before what is measured right before weight moves, so that the measurement is fresh when it is over (I6). A watch goes on under a hold: it cannot pass, and
 * takes a faulty version back as ever.
 */
function staysHeld(plan: RolloutPlan, state: Extract<RolloutState, { readonly kind: 'running' }>): boolean {
  const { kind } = phaseAt(plan, state.at);
  return state.held !== undefined && (kind === 'attest' || kind === 'verify');
}

function retireOld({ stable, deployment }: RolloutPlan): RolloutCommand {
  if (stable === undefined) throw new Error(`${deployment}: a first release has no old slot to retire`);
  return { kind: 'retire', ...stable };
}

/** The phase a running rollout is in. */
export function phaseAt(plan: RolloutPlan, at: number): Phase {
  const phase = plan.phases[at];
  if (phase === undefined) throw new RangeError(`${plan.deployment}: there is no phase ${at} of ${plan.phases.length}`);
  return phase;
}

/** The slot that a rollout does not fill. */
export const otherSlot = (slot: Slot): Slot => (slot === 'blue' ? 'green' : 'blue');

/** The new slot's share, and the rest to the other one. */
export function weightsOf(plan: RolloutPlan, candidate: BasisPoints): Weights {
  const rest = basisPoints(10_000 - candidate);
  return plan.candidate === 'blue' ? { blue: candidate, green: rest } : { blue: rest, green: candidate };
}

const whole = basisPoints(10_000);

function commandOfPhase(plan: RolloutPlan, phase: Phase, epoch: number): RolloutCommand {
  switch (phase.kind) {
    case 'prepare':
      return { kind: 'place' };
    case 'attest':
    case 'verify':
    case 'commit':
      return { kind: phase.kind };
    case 'shift': {
      const weights = weightsOf(plan, phase.weight);
      // The way back travels with the weight: were it sent apart, a crash in between would leave a new version that a revert cannot take back.
      return plan.stable === undefined ? { kind: 'route', epoch, weights } : { kind: 'route', epoch, weights, revertTo: plan.stable.slot };
    }
    case 'watch':
      return { kind: 'watch', for: phase.for, weight: phase.weight };
    case 'keep-warm':
      return { kind: 'watch', for: phase.for, weight: whole };
    case 'drain':
      return { kind: 'drain', slot: otherSlot(plan.candidate), watch: 'on' };
    case 'retire':
      // First the way back is closed, and seen closed: a revert that arrived after the old processes stopped would route into nothing (I15).
      return { kind: 'route', epoch, weights: weightsOf(plan, whole) };
    default:
      return assertNever(phase);
  }
}

function commandOfRevert(plan: RolloutPlan, step: RevertStep, reason: string, by: string): RolloutCommand {
  switch (step.kind) {
    case 'route':
      switch (step.way.kind) {
        case 'revert':
          return { kind: 'revert', id: `${plan.deployment}-revert`, service: plan.service, by, reason };
        case 'confirm':
          return { kind: 'observe-revert' };
        case 'withdraw':
          return { kind: 'route', epoch: step.way.epoch, weights: { blue: basisPoints(0), green: basisPoints(0) } };
        default:
          return assertNever(step.way);
      }
    case 'drain':
      return { kind: 'drain', slot: plan.candidate, watch: 'off' };
    case 'preserve':
      return { kind: 'preserve', slot: plan.candidate, key: plan.deployment, name: plan.deployment };
    case 'retire':
      return { kind: 'retire', slot: plan.candidate, key: plan.deployment };
    default:
      return assertNever(step);
  }
}

/** The router's own answer to an epoch takes milliseconds; two minutes outlast a restart of its host's agent. */
const claimWithin = minutes(2);
/** What the requirement allows a rollback as a whole (R-ROLL-06); after that a person must know. */
const revertWithin = seconds(30);
/** Copying logs of a slot; a full disk must not keep a bad version running. */
const preserveWithin = minutes(1);
/** SIGTERM, the service's own deadline, SIGKILL. */
const stopWithin = minutes(5);

/** How long this state may last before the driver reports `deadline-passed`; undefined where nothing is being waited for. */
export function deadlineOf(plan: RolloutPlan, state: RolloutState): Duration | undefined {
  switch (state.kind) {
    case 'claiming':
    case 'reclaiming':
      return claimWithin;
    case 'running':
      return phaseAt(plan, state.at).deadline;
    case 'retiring':
      return stopWithin;
    case 'reverting':
      return { route: revertWithin, drain: milliseconds(plan.policy.drainWithin), preserve: preserveWithin, retire: stopWithin }[
        state.step.kind
      ];
    default:
      return undefined;
  }
}
