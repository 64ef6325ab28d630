import type { Duration } from '#kernel';
import type { Crash } from './crash.ts';
import type { Phase } from './phase.ts';
import type { Attestation, InstanceStatus, Latch, ServiceKey, Slot, SlotCounters, Weights } from './ports.ts';
import type { Problem, Reason, Where } from './reason.ts';
import type { SmokeAnswers } from './verification.ts';
import type { WatchProgress } from './watch-progress.ts';
import type { WatchEnd } from './watch-verdict.ts';

/** How a revert brings the weight of the new slot to zero. `epoch` is the last one this rollout is known to have held. */
export type WayBack =
  /** By the router's own revert: at once, latched, whatever the epoch (I2). */
  | { readonly kind: 'revert'; readonly epoch: number }
  /** Somebody reverted at the router already: nothing is ordered, only looked at. */
  | { readonly kind: 'confirm'; readonly epoch: number }
  /** A first release has no old slot: its traffic is taken away. */
  | { readonly kind: 'withdraw'; readonly epoch: number };

/** The steps of a revert. Routing comes first: nothing else may stand between the decision and safe traffic. */
export type RevertStep =
  | { readonly kind: 'route'; readonly way: WayBack }
  | { readonly kind: 'drain' }
  | { readonly kind: 'preserve' }
  | { readonly kind: 'retire' };

/** How a rollout ends that gave up: `failed` and `cancelled` before any traffic, `reverted` after some. */
export type GivenUp = 'failed' | 'reverted' | 'cancelled';

/** A person holds a rollout where it is: nothing moves forward, everything that takes a version back goes on. A lease: it lapses by itself (I8). */
export type Hold = { readonly id: string; readonly by: string; readonly reason: string; /** RFC 3339. */ readonly until: string };

/** Where a rollout stands: all that one row holds beside the plan. */
export type RolloutState =
  | { readonly kind: 'queued' }
  /** Asks the router for the epoch after `after`. Nothing was placed yet. */
  | { readonly kind: 'claiming'; readonly after: number }
  | { readonly kind: 'running'; readonly epoch: number; readonly at: number; readonly watch: WatchProgress; readonly held?: Hold }
  /** Another controller took over: it asks for an epoch of its own before it does anything, so that the one before it can move nothing any more (I14). */
  | { readonly kind: 'reclaiming'; readonly after: number; readonly at: number; readonly watch: WatchProgress; readonly held?: Hold }
  /** The way back is closed at the router; the old instances are being stopped. */
  | { readonly kind: 'retiring' }
  | { readonly kind: 'reverting'; readonly why: Reason; readonly ending: GivenUp; readonly step: RevertStep }
  | { readonly kind: 'succeeded' }
  | { readonly kind: GivenUp; readonly why: Reason }
  /** What was ordered could not be observed, or is not ours any more: nothing is touched until a person has looked (an alarm). */
  | { readonly kind: 'stuck'; readonly why: Reason; readonly during: Where };

/** What happened, as the driver saw it. */
export type RolloutEvent =
  | { readonly kind: 'started'; readonly epoch: number }
  /** A controller took this rollout over, be it the same one after a crash. */
  | { readonly kind: 'adopted' }
  | { readonly kind: 'epoch-taken'; readonly epoch: number; readonly weights: Weights }
  /** The router refused an epoch, or was seen with a newer one, or with a latch. */
  | { readonly kind: 'superseded'; readonly epoch: number; readonly latch?: Latch }
  | { readonly kind: 'placed' }
  | { readonly kind: 'attested'; readonly attestations: readonly Attestation[] }
  | { readonly kind: 'verified'; readonly instances: readonly InstanceStatus[]; readonly smoke: readonly SmokeAnswers[] }
  /** What the router showed after it moved weight; its counters are where the next watch counts from. */
  | { readonly kind: 'routed'; readonly epoch: number; readonly weights: Weights; readonly counters: Readonly<Record<Slot, SlotCounters>> }
  | { readonly kind: 'watch-progressed'; readonly watch: WatchProgress }
  | { readonly kind: 'watch-ended'; readonly watch: WatchProgress; readonly verdict: WatchEnd }
  | { readonly kind: 'committed' }
  | { readonly kind: 'drained'; readonly weights: Weights; readonly inFlight: number; readonly sessions: number }
  | { readonly kind: 'retired' }
  /** `crash`: how an instance of the slot ended by itself, when one did. */
  | { readonly kind: 'preserved'; readonly folder: string; readonly crash?: Crash }
  /** What the router shows after a revert was ordered. */
  | { readonly kind: 'revert-observed'; readonly epoch: number; readonly weights: Weights; readonly latch?: Latch }
  | { readonly kind: 'step-failed'; readonly problem: Problem }
  | { readonly kind: 'deadline-passed' }
  | { readonly kind: 'revert-asked'; readonly by: string; readonly reason: string }
  | { readonly kind: 'cancel-asked'; readonly by: string; readonly reason: string }
  | { readonly kind: 'hold-asked'; readonly hold: Hold }
  /** The hold was lifted by a person, or its time is over. */
  | { readonly kind: 'hold-ended' }
  /** A person goes on to the next step without the rest of the evidence. */
  | { readonly kind: 'promote-asked'; readonly by: string }
  /** The next deployment of this service, named by `by`, was let in and needs the slot that keeps the old version warm. */
  | { readonly kind: 'room-asked'; readonly by: string };

/** What the driver shall do next. Each is idempotent and is given again after a crash. */
export type RolloutCommand =
  | { readonly kind: 'take-epoch'; readonly after: number }
  | { readonly kind: 'place' }
  | { readonly kind: 'attest' }
  | { readonly kind: 'verify' }
  | { readonly kind: 'route'; readonly epoch: number; readonly weights: Weights; readonly revertTo?: Slot }
  /** Sample and `observe` until the watch ends; `for` is its length, `weight` the share of the new slot during it. */
  | { readonly kind: 'watch'; readonly for: Duration; readonly weight: number }
  | { readonly kind: 'commit' }
  /** A hold is on: wait for its end, and for whoever takes the version back. */
  | { readonly kind: 'stay' }
  /** Wait until the router shows no weight, no request and no session on the slot. `watch`: keep watching the new slot meanwhile (D06). */
  | { readonly kind: 'drain'; readonly slot: Slot; readonly watch: 'on' | 'off' }
  /** `key` names the order that is meant: a slot that was filled anew meanwhile is left alone. */
  | { readonly kind: 'retire'; readonly slot: Slot; readonly key: string }
  | { readonly kind: 'preserve'; readonly slot: Slot; readonly key: string; readonly name: string }
  | { readonly kind: 'revert'; readonly id: string; readonly service: ServiceKey; readonly by: string; readonly reason: string }
  | { readonly kind: 'observe-revert' };

/** What is worth a line in the record. */
export type RolloutFact =
  | { readonly kind: 'started' }
  | { readonly kind: 'adopted' }
  | { readonly kind: 'epoch-taken'; readonly epoch: number }
  | { readonly kind: 'phase-began'; readonly phase: Phase['kind']; readonly at: number }
  /** `early`: the next deployment asked for the slot before the time of this phase was up. `promoted`: a person ended a watch with this much evidence (I1). */
  | {
      readonly kind: 'phase-ended';
      readonly phase: Phase['kind'];
      readonly at: number;
      readonly early?: { readonly askedBy: string };
      readonly promoted?: { readonly by: string; readonly answers: number; readonly watchedMs: number };
    }
  | { readonly kind: 'attested'; readonly attestations: readonly Attestation[] }
  | { readonly kind: 'weight-moved'; readonly epoch: number; readonly weights: Weights }
  | { readonly kind: 'watch-judged'; readonly verdict: WatchEnd }
  | { readonly kind: 'drain-cut-short'; readonly slot: Slot }
  | { readonly kind: 'revert-began'; readonly why: Reason }
  | { readonly kind: 'reverted'; readonly weights: Weights }
  | { readonly kind: 'preserved'; readonly slot: Slot; readonly folder: string }
  | { readonly kind: 'not-preserved'; readonly slot: Slot; readonly because: string }
  | { readonly kind: 'retired'; readonly slot: Slot }
  | { readonly kind: 'ended'; readonly as: 'succeeded' | GivenUp | 'stuck'; readonly why?: Reason };

/** The kinds of states that nothing leaves (D09). */
export const terminalKinds = ['succeeded', 'reverted', 'failed', 'cancelled', 'stuck'] as const satisfies readonly RolloutState['kind'][];

/** A state that nothing leaves. */
export type TerminalState = Extract<RolloutState, { readonly kind: (typeof terminalKinds)[number] }>;

/** Whether nothing leaves this state. */
export function isTerminal(state: RolloutState): state is TerminalState {
  const kinds: readonly string[] = terminalKinds;
  return kinds.includes(state.kind);
}
