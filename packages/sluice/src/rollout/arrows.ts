import type { Phase } from './phase.ts';
import type { RolloutEvent, RolloutState } from './state.ts';
import type { RolloutPlan } from './rollout-plan.ts';
import { phaseAt } from './next-command.ts';

/** A state as the diagram names it: a running rollout by its phase, a revert by its step. */
export type Place =
  | Exclude<RolloutState['kind'], 'running' | 'reverting'>
  | Phase['kind']
  | `reverting:${'route' | 'drain' | 'preserve' | 'retire'}`;

/** The place of a state. */
export function placeOf(plan: RolloutPlan, state: RolloutState): Place {
  if (state.kind === 'running') return phaseAt(plan, state.at).kind;
  return state.kind === 'reverting' ? `reverting:${state.step.kind}` : state.kind;
}

/** One arrow of the diagram: from these places this event may lead to these places. */
export type Arrow = readonly [from: readonly Place[], on: RolloutEvent['kind'], to: readonly Place[]];

const hidden = ['prepare', 'attest', 'verify'] as const;
// What runs is measured before it gets any traffic and before it gets more.
const exposed = ['attest', 'shift', 'watch', 'commit', 'keep-warm', 'drain', 'retire'] as const;
const watched = ['attest', 'shift', 'watch', 'commit', 'keep-warm', 'drain'] as const;
const goingBack = ['reverting:route', 'reverting:drain', 'reverting:preserve', 'reverting:retire'] as const;

/**
 * Every arrow of a rollout. A test explores all reachable states and fails when this table and `decide` differ in either direction.
 * An arrow from a place to itself is written with that place alone as its end.
 */
export const arrows: readonly Arrow[] = [
  [['queued'], 'started', ['claiming']],
  [['queued'], 'adopted', ['queued']],
  [['queued', 'claiming'], 'revert-asked', ['cancelled']],
  [['queued', 'claiming'], 'cancel-asked', ['cancelled']],
  [['claiming'], 'adopted', ['claiming']],
  [['claiming'], 'epoch-taken', ['prepare', 'failed']],
  [['claiming'], 'superseded', ['claiming', 'failed']],
  [['queued', 'claiming'], 'step-failed', ['failed']],
  [['claiming'], 'deadline-passed', ['failed']],

  // The way forward.
  [['prepare'], 'placed', ['attest']],
  [['attest'], 'attested', ['attest', 'verify', 'shift', 'commit', 'reverting:preserve', 'reverting:route']],
  [['verify'], 'verified', ['verify', 'shift', 'reverting:preserve']],
  [['shift'], 'routed', ['shift', 'watch']],
  [['watch'], 'watch-ended', ['watch', 'attest', 'reverting:route']],
  [['commit'], 'committed', ['keep-warm', 'succeeded']],
  [['keep-warm'], 'watch-ended', ['drain', 'reverting:route']],
  [['keep-warm'], 'room-asked', ['drain']],
  [['drain'], 'drained', ['drain', 'retire']],
  [['drain'], 'deadline-passed', ['retire']],
  [['drain'], 'step-failed', ['drain']],
  [['retire'], 'routed', ['retire', 'retiring']],
  [['retiring'], 'retired', ['succeeded']],
  [['retiring'], 'adopted', ['retiring']],
  [['retiring'], 'deadline-passed', ['stuck']],
  [['retiring'], 'step-failed', ['stuck']],

  // Watching beside a phase can only raise the alarm.
  ...watched.map((place): Arrow => [[place], 'watch-progressed', [place]]),
  [['attest', 'shift', 'commit', 'drain'], 'watch-ended', ['reverting:route']],

  // A person holds it, lets it go on, or sends it on. What is held stays where it is.
  ...([...hidden, 'shift', 'watch'] as const).flatMap((place): readonly Arrow[] => [
    [[place], 'hold-asked', [place]],
    [[place], 'hold-ended', [place]],
  ]),
  [['watch'], 'promote-asked', ['attest']],

  // Another controller.
  [[...hidden, ...exposed], 'adopted', ['reclaiming']],
  [['reclaiming'], 'adopted', ['reclaiming']],
  [['reclaiming'], 'epoch-taken', [...new Set([...hidden, ...exposed])].filter((place) => place !== 'commit')],
  [['reclaiming'], 'superseded', ['reclaiming', 'reverting:preserve', 'reverting:route', 'stuck']],
  [['reclaiming'], 'step-failed', ['reverting:preserve', 'reverting:route']],
  [['reclaiming'], 'deadline-passed', ['reverting:preserve', 'reverting:route']],
  [['reclaiming'], 'revert-asked', ['reverting:preserve', 'reverting:route']],
  [['reclaiming'], 'cancel-asked', ['reverting:preserve', 'reverting:route']],

  // Giving up: before any traffic there is nothing to route.
  ...(['step-failed', 'deadline-passed', 'revert-asked', 'cancel-asked'] as const).map((on): Arrow => [hidden, on, ['reverting:preserve']]),
  ...(['revert-asked', 'cancel-asked'] as const).map((on): Arrow => [exposed, on, ['reverting:route']]),
  ...(['step-failed', 'deadline-passed'] as const).map((on): Arrow => [
    exposed.filter((place) => place !== 'drain'),
    on,
    ['reverting:route'],
  ]),
  [hidden, 'superseded', ['reverting:preserve', 'stuck']],
  [exposed, 'superseded', ['reverting:route', 'stuck']],

  // The way back.
  ...goingBack.flatMap((place): readonly Arrow[] => [
    [[place], 'adopted', [place]],
    [[place], 'revert-asked', [place]],
    [[place], 'cancel-asked', [place]],
    [[place], 'superseded', [place, 'stuck']],
  ]),
  [['reverting:route'], 'revert-observed', ['reverting:route', 'reverting:drain', 'stuck']],
  [['reverting:route'], 'routed', ['reverting:route', 'reverting:drain']],
  [['reverting:route'], 'step-failed', ['reverting:route']],
  [['reverting:route'], 'deadline-passed', ['stuck']],
  [['reverting:drain'], 'drained', ['reverting:drain', 'reverting:preserve']],
  [['reverting:drain'], 'step-failed', ['reverting:drain']],
  [['reverting:drain'], 'deadline-passed', ['reverting:preserve']],
  [['reverting:preserve'], 'preserved', ['reverting:retire']],
  [['reverting:preserve'], 'step-failed', ['reverting:retire']],
  [['reverting:preserve'], 'deadline-passed', ['reverting:retire']],
  [['reverting:retire'], 'retired', ['reverted', 'failed', 'cancelled']],
  [['reverting:retire'], 'step-failed', ['stuck']],
  [['reverting:retire'], 'deadline-passed', ['stuck']],
];
