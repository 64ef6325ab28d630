import { expect, test } from 'vitest';
import { basisPoints, percent } from '#kernel';
import { decide, type Decision } from './decide.ts';
import { answered, attestation, counters, fault, first, healthy, latch, nothing, pass, upgrade, zero } from './fixtures/upgrade.ts';
import { nextCommand, otherSlot, weightsOf } from './next-command.ts';
import { placeOf } from './arrows.ts';
import type { RolloutPlan } from './rollout-plan.ts';
import type { RolloutEvent, RolloutState } from './state.ts';
import { unwatched } from './watch-progress.ts';

test('a version that makes room is watched on until the old one is stopped, and can still be taken back (D06, I2)', () => {
  const warm = drive(upgrade, (state) => placeOf(upgrade, state) === 'keep-warm').state;
  const draining = decide(upgrade, warm, { kind: 'room-asked', by: 'd2' });
  expect(draining.commands).toEqual([{ kind: 'drain', slot: 'blue', watch: 'on' }]);
  const faulty = decide(upgrade, draining.next, { kind: 'watch-ended', watch: unwatched, verdict: fault });
  expect(placeOf(upgrade, faulty.next)).toBe('reverting:route');
  const regretted = decide(upgrade, draining.next, { kind: 'revert-asked', by: 'erin', reason: 'slow' });
  expect(placeOf(upgrade, regretted.next)).toBe('reverting:route');
});

/** Walks the happy path, or as far as `until` says, with a driver that does as told. */
function drive(
  plan: RolloutPlan,
  until: (state: RolloutState) => boolean,
): { readonly state: RolloutState; readonly commands: readonly string[] } {
  let state: RolloutState = { kind: 'queued' };
  const commands: string[] = [];
  let event: RolloutEvent | undefined = { kind: 'started', epoch: 4 };
  while (event !== undefined && !until(state)) {
    const decision: Decision = decide(plan, state, event);
    state = decision.next;
    const command = decision.commands[0];
    if (command === undefined) break;
    commands.push(
      command.kind === 'route'
        ? `route ${command.weights.blue}/${command.weights.green}${command.revertTo === undefined ? '' : ` back to ${command.revertTo}`} at ${command.epoch}`
        : command.kind,
    );
    event = obey(plan, command);
  }
  return { state, commands };
}

function obey(plan: RolloutPlan, command: Decision['commands'][number]): RolloutEvent {
  switch (command.kind) {
    case 'take-epoch':
      return { kind: 'epoch-taken', epoch: command.after + 1, weights: weightsOf(plan, zero) };
    case 'place':
      return { kind: 'placed' };
    case 'attest':
      return { kind: 'attested', attestations: [attestation] };
    case 'verify':
      return { kind: 'verified', instances: [healthy], smoke: answered };
    case 'route':
      return { kind: 'routed', epoch: command.epoch, weights: command.weights, counters };
    case 'watch':
      return { kind: 'watch-ended', watch: unwatched, verdict: pass };
    case 'commit':
      return { kind: 'committed' };
    case 'stay':
      return { kind: 'hold-ended' };
    case 'drain':
      return { kind: 'drained', weights: weightsOf(plan, command.slot === plan.candidate ? zero : percent(100)), inFlight: 0, sessions: 0 };
    case 'retire':
      return { kind: 'retired' };
    case 'preserve':
      return { kind: 'preserved', folder: '/kept' };
    case 'revert':
    case 'observe-revert':
      return { kind: 'revert-observed', epoch: 6, weights: weightsOf(plan, zero), latch };
  }
}

test('a good upgrade gives its commands in this order (R-ROLL-02)', () => {
  const { state, commands } = drive(upgrade, () => false);
  expect(state).toEqual({ kind: 'succeeded' });
  expect(commands).toEqual([
    'take-epoch',
    'place',
    'attest',
    'verify',
    'route 9500/500 back to blue at 5',
    'watch',
    'attest',
    'route 5000/5000 back to blue at 5',
    'watch',
    'attest',
    'route 0/10000 back to blue at 5',
    'watch',
    'attest',
    'commit',
    'watch',
    'drain',
    'route 0/10000 at 5',
    'retire',
  ]);
});

test('what is stopped or kept is named by the key of its order, not by its slot alone', () => {
  const old = drive(upgrade, ({ kind }) => kind === 'retiring').state;
  expect(nextCommand(upgrade, old)).toEqual({ kind: 'retire', slot: 'blue', key: 'd0' });
  const why = { kind: 'asked', by: 'erin', reason: 'slow' } as const;
  const going = (step: 'preserve' | 'retire') => nextCommand(upgrade, { kind: 'reverting', why, ending: 'reverted', step: { kind: step } });
  expect(going('preserve')).toEqual({ kind: 'preserve', slot: 'green', key: 'd1', name: 'd1' });
  expect(going('retire')).toEqual({ kind: 'retire', slot: 'green', key: 'd1' });
});

test('a first release gets all traffic at once and is not waited for by an old slot', () => {
  expect(drive(first, () => false).commands).toEqual([
    'take-epoch',
    'place',
    'attest',
    'verify',
    'route 0/10000 at 5',
    'watch',
    'attest',
    'commit',
  ]);
});

test('a controller that takes over claims a newer epoch first, so that the one before it can move nothing any more (I14)', () => {
  const { state } = drive(upgrade, (reached) => placeOf(upgrade, reached) === 'watch');
  const adopted = decide(upgrade, state, { kind: 'adopted' });
  expect(adopted.commands).toEqual([{ kind: 'take-epoch', after: 5 }]);
  // Its own take, cut off before it was recorded, is known again by being exactly one higher and without a latch.
  const again = decide(upgrade, adopted.next, { kind: 'superseded', epoch: 6 });
  expect(again.commands).toEqual([{ kind: 'take-epoch', after: 6 }]);
  const resumed = decide(upgrade, again.next, { kind: 'epoch-taken', epoch: 7, weights: weightsOf(upgrade, percent(5)) });
  expect(placeOf(upgrade, resumed.next)).toBe('watch');
});

test('a revert at the router while the controller slept is only confirmed, never undone (I2, I14)', () => {
  const { state } = drive(upgrade, (reached) => placeOf(upgrade, reached) === 'keep-warm');
  const slept = decide(upgrade, state, { kind: 'adopted' });
  const woke = decide(upgrade, slept.next, { kind: 'superseded', epoch: 6, latch });
  expect(woke.commands).toEqual([{ kind: 'observe-revert' }]);
  const confirmed = decide(upgrade, woke.next, {
    kind: 'revert-observed',
    epoch: 6,
    weights: { blue: basisPoints(10_000), green: zero },
    latch,
  });
  expect(confirmed.commands).toEqual([{ kind: 'drain', slot: 'green', watch: 'off' }]);
});

test('a fault of a first release takes its traffic away: there is nothing to go back to', () => {
  const { state } = drive(first, (reached) => placeOf(first, reached) === 'watch');
  const decision = decide(first, state, { kind: 'watch-ended', watch: unwatched, verdict: fault });
  expect(decision.commands).toEqual([{ kind: 'route', epoch: 5, weights: nothing }]);
});

test('an illegal event names the deployment, the event and where the rollout stands', () => {
  expect(() => decide(upgrade, { kind: 'queued' }, { kind: 'placed' })).toThrow('d1: event placed is illegal while queued');
  expect(otherSlot('blue')).toBe('green');
});
