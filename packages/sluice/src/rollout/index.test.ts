import { expectTypeOf } from 'expect-type';
import { expect, test } from 'vitest';
import * as door from './index.ts';
import type { Decision, RolloutCommand, RolloutEvent, RolloutPlan, RolloutState, WatchVerdict } from './index.ts';

test('the door of the room shows exactly these names (T9)', () => {
  expect(Object.keys(door).toSorted()).toEqual([
    'FakeRouter',
    'FakeTarget',
    'addHistograms',
    'afterFact',
    'allHealthy',
    'allTo',
    'answersOf',
    'arrows',
    'bucketCount',
    'bucketOf',
    'bucketUpperBound',
    'canHold',
    'canPromote',
    'canRevert',
    'committedAt',
    'crashBehind',
    'crashOf',
    'deadlineOf',
    'decide',
    'describeCrash',
    'describeExit',
    'describeProblem',
    'describeReason',
    'emptyRoutingTable',
    'exposedAt',
    'histogramTotal',
    'hopCases',
    'httpCases',
    'isSplit',
    'isTerminal',
    'judgeProbe',
    'keepsWarm',
    'movingWeight',
    'nextCommand',
    'observe',
    'otherSlot',
    'phaseAt',
    'phaseKinds',
    'placeOf',
    'planRollout',
    'problemOfAttestations',
    'quantile',
    'reverting',
    'revertsAfter',
    'routerContract',
    'stickyPlace',
    'strategies',
    'subtractHistogram',
    'takingEpoch',
    'targetContract',
    'terminalKinds',
    'unwatched',
    'usualSamplingPeriod',
    'watchRules',
    'weightsOf',
    'worthRepeating',
  ]);
});

test('the shapes that others rely on are pinned (T9)', () => {
  expectTypeOf(door.decide).toEqualTypeOf<(plan: RolloutPlan, state: RolloutState, event: RolloutEvent) => Decision>();
  expectTypeOf(door.nextCommand).toEqualTypeOf<(plan: RolloutPlan, state: RolloutState) => RolloutCommand | undefined>();
  expectTypeOf<RolloutState['kind']>().toEqualTypeOf<
    | 'queued'
    | 'claiming'
    | 'running'
    | 'reclaiming'
    | 'retiring'
    | 'reverting'
    | 'succeeded'
    | 'reverted'
    | 'failed'
    | 'cancelled'
    | 'stuck'
  >();
  expectTypeOf<RolloutCommand['kind']>().toEqualTypeOf<
    | 'take-epoch'
    | 'place'
    | 'attest'
    | 'verify'
    | 'route'
    | 'watch'
    | 'commit'
    | 'stay'
    | 'drain'
    | 'retire'
    | 'preserve'
    | 'revert'
    | 'observe-revert'
  >();
  expectTypeOf<WatchVerdict['kind']>().toEqualTypeOf<'continue' | 'pass' | 'fail' | 'inconclusive'>();
  // A state owns only the fields that exist in it: no epoch before one was taken, none after the end.
  expectTypeOf<Extract<RolloutState, { readonly kind: 'queued' | 'succeeded' | 'retiring' }>>().not.toHaveProperty('epoch');
});
