import { assertNever } from '#kernel';
import { problemOfAttestations } from './attestation.ts';
import { type Crash, crashOf } from './crash.ts';
import { nextCommand, phaseAt, weightsOf } from './next-command.ts';
import type { Phase } from './phase.ts';
import type { InstanceStatus } from './ports.ts';
import type { Problem, Reason, Where } from './reason.ts';
import { ended, giveUp, type Step, stepReverting } from './reverting.ts';
import { exposedAt, type RolloutPlan } from './rollout-plan.ts';
import type { Hold, RolloutCommand, RolloutEvent, RolloutFact, RolloutState } from './state.ts';
import { problemOfVerification } from './verification.ts';
import { answersOf, nextWatch, resumeWatch, unwatched, watchFrom } from './watch-progress.ts';

/** The next state, what the driver shall do in it, and what is worth recording. */
export type Decision = {
  readonly next: RolloutState;
  readonly commands: readonly RolloutCommand[];
  readonly facts: readonly RolloutFact[];
};

/**
 * The whole of a rollout. The same function serves live, after a crash and in simulation; the table of arrows is in arrows.ts.
 *
 *   queued ─▶ claiming ─▶ prepare ─▶ attest ─▶ verify ─▶ shift ─▶ watch ─▶ … ─▶ commit ─▶ keep-warm ─▶ drain ─▶ retire ─▶ retiring ─▶ succeeded
 *     │          │           └────────┴──────────┤         └────────┴──────┬───────┴─────────┴──────────┘         │          │
 *     ▼          ▼                               ▼                         ▼ fault, deadline, asked, latched      │          │
 *  cancelled   failed                     preserve candidate        route back ─▶ drain ─▶ preserve ─▶ retire     │          │
 *                                                └─▶ retire ─▶ failed │ cancelled              └─▶ reverted       ▼          ▼
 *                                                                          └ not observed in time ─────────────▶ stuck ◀─────┘
 *
 *   running ──adopted──▶ reclaiming ──epoch-taken──▶ running, in the same phase
 *   keep-warm ──room-asked──▶ drain, before its time: the next deployment was let in and needs the slot
 *
 * An event that cannot happen in a state throws: the row or the driver is wrong, and guessing would move traffic.
 */
export function decide(plan: RolloutPlan, state: RolloutState, event: RolloutEvent): Decision {
  const { next, facts } = step(plan, state, event) ?? illegal(plan, state, event);
  const command = nextCommand(plan, next);
  return { next, commands: command === undefined ? [] : [command], facts };
}

/** Whether a person's wish to go back can still be followed: not once the old slot is being stopped, nor when all is over. */
export const canRevert = (state: RolloutState): boolean =>
  state.kind === 'queued' ||
  state.kind === 'claiming' ||
  state.kind === 'running' ||
  state.kind === 'reclaiming' ||
  state.kind === 'reverting';

/** Whether a person can hold a rollout where it is: while it has something before it that a hold keeps it from. */
export const canHold = (plan: RolloutPlan, state: RolloutState): boolean =>
  state.kind === 'running' && plan.phases.slice(state.at + 1).some(({ kind }) => kind === 'commit');

/** Whether a person can send a rollout on: from a watch before the commit point. Faults are no matter of opinion and take it back all the same. */
export const canPromote = (plan: RolloutPlan, state: RolloutState): boolean =>
  state.kind === 'running' && phaseAt(plan, state.at).kind === 'watch';

/** Whether a rollout holds nothing but a warm slot, or will once it is driven again: then it can be asked to make room for the next deployment. */
export const keepsWarm = (plan: RolloutPlan, state: RolloutState): boolean =>
  (state.kind === 'running' || state.kind === 'reclaiming') && phaseAt(plan, state.at).kind === 'keep-warm';

function step(plan: RolloutPlan, state: RolloutState, event: RolloutEvent): Step | undefined {
  switch (state.kind) {
    case 'queued':
      if (event.kind === 'started') return { next: { kind: 'claiming', after: event.epoch }, facts: [{ kind: 'started' }] };
      if (event.kind === 'revert-asked' || event.kind === 'cancel-asked') return ended({ kind: 'cancelled', why: asked(event) });
      if (event.kind === 'step-failed') return fail(broken('claim', event.problem));
      return event.kind === 'adopted' ? { next: state, facts: [] } : undefined;
    case 'claiming':
      return stepClaiming(plan, state, event);
    case 'reclaiming':
      return stepReclaiming(plan, state, event);
    case 'running':
      return stepRunning(plan, state, event);
    case 'retiring':
      if (event.kind === 'retired') {
        const end = ended({ kind: 'succeeded' });
        return { ...end, facts: [{ kind: 'retired', slot: plan.stable?.slot ?? plan.candidate }, ...end.facts] };
      }
      if (event.kind === 'adopted') return { next: state, facts: [{ kind: 'adopted' }] };
      // The new version is live and stays so; that the old one cannot be stopped is for a person to know.
      if (event.kind === 'deadline-passed') return ended({ kind: 'stuck', why: late('retire'), during: 'retire' });
      return event.kind === 'step-failed' ? ended({ kind: 'stuck', why: broken('retire', event.problem), during: 'retire' }) : undefined;
    case 'reverting':
      return stepReverting(plan, state, event);
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

function stepClaiming(
  plan: RolloutPlan,
  state: Extract<RolloutState, { readonly kind: 'claiming' }>,
  event: RolloutEvent,
): Step | undefined {
  switch (event.kind) {
    case 'epoch-taken': {
      const share = event.weights[plan.candidate];
      // Filling a slot that serves would be the outage itself.
      if (share !== 0)
        return fail(
          broken('claim', {
            kind: 'slot-in-use',
            message: `slot ${plan.candidate} of ${plan.service} serves ${share / 100} % of the traffic`,
          }),
        );
      const begun = enter(plan, { kind: 'running', epoch: event.epoch, at: 0, watch: unwatched });
      return { next: begun.next, facts: [{ kind: 'epoch-taken', epoch: event.epoch }, ...begun.facts] };
    }
    case 'superseded':
      if (event.latch !== undefined) return fail({ kind: 'latched', latch: event.latch });
      // Taken by this rollout itself just before a crash, and never recorded: it takes the one after.
      if (event.epoch === state.after + 1) return { next: { kind: 'claiming', after: event.epoch }, facts: [] };
      return fail({ kind: 'superseded', epoch: event.epoch });
    case 'step-failed':
      return fail(broken('claim', event.problem));
    case 'deadline-passed':
      return fail(late('claim'));
    case 'revert-asked':
    case 'cancel-asked':
      return ended({ kind: 'cancelled', why: asked(event) });
    case 'adopted':
      return { next: state, facts: [{ kind: 'adopted' }] };
    default:
      return undefined;
  }
}

function stepReclaiming(
  plan: RolloutPlan,
  state: Extract<RolloutState, { readonly kind: 'reclaiming' }>,
  event: RolloutEvent,
): Step | undefined {
  const from = { at: state.at, epoch: state.after };
  switch (event.kind) {
    case 'epoch-taken':
      return {
        next: { kind: 'running', epoch: event.epoch, at: measuredAgainFrom(plan, state.at), watch: state.watch, ...heldBy(state) },
        facts: [{ kind: 'epoch-taken', epoch: event.epoch }],
      };
    case 'superseded':
      if (event.latch === undefined && event.epoch === state.after + 1) return { next: { ...state, after: event.epoch }, facts: [] };
      return superseded(plan, from, event);
    case 'step-failed':
      return giveUp(plan, from, broken('claim', event.problem));
    case 'deadline-passed':
      return giveUp(plan, from, late('claim'));
    case 'revert-asked':
    case 'cancel-asked':
      return giveUp(plan, from, asked(event));
    case 'adopted':
      return { next: { ...state, watch: resumeWatch(state.watch) }, facts: [{ kind: 'adopted' }] };
    default:
      return undefined;
  }
}

/**
 * A controller may have been away for hours between a measurement and what it allowed: whoever takes over measures again before weight moves or the commit point
 * passes (I6). The first shift is not gone back from: weight may have moved already, and only from here on is it known that there is something to take back. The driver measures there.
 */
const measuredAgainFrom = (plan: RolloutPlan, at: number): number => {
  const { kind } = phaseAt(plan, at);
  const moves = (kind === 'shift' || kind === 'commit') && at > 0 && exposedAt(plan, at - 1);
  return moves && phaseAt(plan, at - 1).kind === 'attest' ? at - 1 : at;
};

type Running = Extract<RolloutState, { readonly kind: 'running' }>;

function stepRunning(plan: RolloutPlan, state: Running, event: RolloutEvent): Step | undefined {
  const phase = phaseAt(plan, state.at);
  switch (event.kind) {
    case 'adopted':
      return {
        next: { kind: 'reclaiming', after: state.epoch, at: state.at, watch: resumeWatch(state.watch), ...heldBy(state) },
        facts: [{ kind: 'adopted' }],
      };
    case 'superseded':
      return event.latch === undefined && event.epoch <= state.epoch ? undefined : superseded(plan, state, event);
    case 'revert-asked':
    case 'cancel-asked':
      return giveUp(plan, state, asked(event));
    case 'step-failed':
      // While draining, nothing that fails is a reason to take back a version that is live and good: the deadline ends the waiting.
      return phase.kind === 'drain' ? { next: state, facts: [] } : giveUp(plan, state, broken(phase.kind, event.problem));
    case 'deadline-passed':
      if (phase.kind !== 'drain') return giveUp(plan, state, late(phase.kind));
      return advance(plan, state, [{ kind: 'drain-cut-short', slot: plan.stable?.slot ?? plan.candidate }]);
    case 'hold-asked':
      return canHold(plan, state) ? { next: { ...state, held: event.hold }, facts: [] } : undefined;
    case 'hold-ended':
      return state.held === undefined ? undefined : { next: unheld(state), facts: [] };
    case 'promote-asked':
      return canPromote(plan, state) ? promote(plan, state, event.by) : undefined;
    case 'watch-progressed':
      return watches(plan, state, phase) ? { next: { ...state, watch: event.watch }, facts: [] } : undefined;
    case 'watch-ended':
      return watches(plan, state, phase) ? stepWatch(plan, state, phase, event) : undefined;
    default:
      return stepPhase(plan, state, phase, event);
  }
}

/** The facts that only the phase they belong to understands. */
function stepPhase(plan: RolloutPlan, state: Running, phase: Phase, event: RolloutEvent): Step | undefined {
  switch (phase.kind) {
    case 'prepare':
      return event.kind === 'placed' ? advance(plan, state) : undefined;
    case 'attest': {
      if (event.kind !== 'attested') return undefined;
      const problem = problemOfAttestations(plan, event.attestations);
      if (problem !== undefined) return giveUp(plan, state, broken('attest', { kind: 'attestation', message: problem }));
      // Measured just before a hold was heard: it is measured again when the hold is over.
      if (state.held !== undefined) return { next: state, facts: [] };
      return advance(plan, state, [{ kind: 'attested', attestations: event.attestations }]);
    }
    case 'verify': {
      if (event.kind !== 'verified') return undefined;
      const problem = problemOfVerification(plan, event);
      if (problem === undefined) return state.held === undefined ? advance(plan, state) : { next: state, facts: [] };
      return giveUp(plan, state, broken('verify', { kind: 'verification', message: problem, ...crashed(event.instances) }));
    }
    case 'shift':
    case 'retire': {
      if (event.kind !== 'routed') return undefined;
      const wanted = phase.kind === 'shift' ? weightsOf(plan, phase.weight)[plan.candidate] : 10_000;
      // What is observed counts; anything else is ordered again until the deadline.
      if (event.epoch !== state.epoch || event.weights[plan.candidate] !== wanted) return { next: state, facts: [] };
      if (phase.kind === 'retire') return { next: { kind: 'retiring' }, facts: [] };
      const moved: RolloutFact = { kind: 'weight-moved', epoch: event.epoch, weights: event.weights };
      return advance(plan, { ...state, watch: watchFrom(state.watch, event.counters) }, [moved]);
    }
    case 'commit':
      return event.kind === 'committed' ? advance(plan, state) : undefined;
    case 'drain': {
      if (event.kind !== 'drained') return undefined;
      const old = plan.candidate === 'blue' ? event.weights.green : event.weights.blue;
      return old === 0 && event.inFlight === 0 && event.sessions === 0 ? advance(plan, state) : { next: state, facts: [] };
    }
    case 'keep-warm':
      return event.kind === 'room-asked' ? makeRoom(plan, state, event.by) : undefined;
    case 'watch':
      return undefined;
    default:
      return assertNever(phase);
  }
}

/** Watches run wherever the new version may get traffic and there is a way back, not only in the phase of that name (D06). */
const watches = (plan: RolloutPlan, state: Running, phase: Phase): boolean => exposedAt(plan, state.at) && phase.kind !== 'retire';

function stepWatch(
  plan: RolloutPlan,
  state: Running,
  phase: Phase,
  event: Extract<RolloutEvent, { readonly kind: 'watch-ended' }>,
): Step | undefined {
  const { verdict, watch } = event;
  const judged: RolloutFact = { kind: 'watch-judged', verdict };
  if (verdict.kind === 'fail') return after(judged, giveUp(plan, state, { kind: 'fault', during: phase.kind, fault: verdict }));
  // Beside another phase a watch can only raise the alarm; that phase has its own end.
  if (phase.kind !== 'watch' && phase.kind !== 'keep-warm') return undefined;
  // What passed while a person held it was judged before the hold was heard.
  if (verdict.kind === 'pass')
    return state.held === undefined ? advance(plan, { ...state, watch }, [judged]) : { next: { ...state, watch }, facts: [] };
  return after(
    judged,
    giveUp(plan, state, {
      kind: 'inconclusive',
      during: phase.kind,
      because: verdict.because,
      ...(verdict.crash && { crash: verdict.crash }),
    }),
  );
}

const after = (fact: RolloutFact, { next, facts }: Step): Step => ({ next, facts: [fact, ...facts] });

/** The commit point lies behind: only a way back is given up, and the new version is watched until the old one is stopped all the same (D06, I9). */
function makeRoom(plan: RolloutPlan, state: Running, askedBy: string): Step {
  const begun = enter(plan, { ...state, at: state.at + 1 });
  return { next: begun.next, facts: [{ kind: 'phase-ended', phase: 'keep-warm', at: state.at, early: { askedBy } }, ...begun.facts] };
}

/** What was seen so far is recorded with who decided that it is enough (I1). The hold, if there was one, is over. */
function promote(plan: RolloutPlan, state: Running, by: string): Step {
  const { watch } = state;
  const promoted = { by, answers: answersOf(watch, plan.candidate), watchedMs: watch.watchedMs };
  const begun = enter(plan, { ...unheld(state), at: state.at + 1 });
  return { next: begun.next, facts: [{ kind: 'phase-ended', phase: 'watch', at: state.at, promoted }, ...begun.facts] };
}

const heldBy = ({ held }: { readonly held?: Hold }): { readonly held?: Hold } => (held === undefined ? {} : { held });

const unheld = ({ kind, epoch, at, watch }: Running): Running => ({ kind, epoch, at, watch });

function advance(plan: RolloutPlan, state: Running, facts: readonly RolloutFact[] = []): Step {
  const done: readonly RolloutFact[] = [...facts, { kind: 'phase-ended', phase: phaseAt(plan, state.at).kind, at: state.at }];
  const begun = state.at + 1 === plan.phases.length ? ended({ kind: 'succeeded' }) : enter(plan, { ...state, at: state.at + 1 });
  return { next: begun.next, facts: [...done, ...begun.facts] };
}

function enter(plan: RolloutPlan, state: Running): Step {
  const { kind } = phaseAt(plan, state.at);
  const watch = kind === 'watch' || kind === 'keep-warm' || kind === 'drain' ? nextWatch(state.watch) : state.watch;
  return { next: { ...state, watch }, facts: [{ kind: 'phase-began', phase: kind, at: state.at }] };
}

/** Somebody moved the router beneath us. A latch is a revert: only its bookkeeping is left. A newer epoch without one belongs to another rollout, and so do both slots. */
function superseded(
  plan: RolloutPlan,
  from: { readonly at: number; readonly epoch: number },
  event: Extract<RolloutEvent, { readonly kind: 'superseded' }>,
): Step {
  if (event.latch !== undefined) return giveUp(plan, { at: from.at, epoch: event.epoch }, { kind: 'latched', latch: event.latch });
  return ended({ kind: 'stuck', why: { kind: 'superseded', epoch: event.epoch }, during: phaseAt(plan, from.at).kind });
}

const crashed = (instances: readonly InstanceStatus[]): { readonly crash?: Crash } => {
  const crash = crashOf(instances);
  return crash === undefined ? {} : { crash };
};

const fail = (why: Reason): Step => ended({ kind: 'failed', why });
const late = (during: Where): Reason => ({ kind: 'deadline', during });
const broken = (during: Where, problem: Problem): Reason => ({ kind: 'problem', during, problem });
const asked = (event: { readonly by: string; readonly reason: string }): Reason => ({ kind: 'asked', by: event.by, reason: event.reason });

function illegal(plan: RolloutPlan, state: RolloutState, event: RolloutEvent): never {
  const where =
    state.kind === 'running'
      ? `running (${phaseAt(plan, state.at).kind})`
      : state.kind === 'reverting'
        ? `reverting (${state.step.kind})`
        : state.kind;
  throw new Error(`${plan.deployment}: event ${event.kind} is illegal while ${where}`);
}
