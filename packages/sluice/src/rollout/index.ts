export { problemOfAttestations } from './attestation.ts';
export { arrows, placeOf } from './arrows.ts';
export type { Arrow, Place } from './arrows.ts';
export { crashOf, describeCrash, describeExit } from './crash.ts';
export type { Crash } from './crash.ts';
export { canHold, canPromote, canRevert, decide, keepsWarm } from './decide.ts';
export type { Decision } from './decide.ts';
export { FakeRouter } from './fake-router.ts';
export type { FakeTraffic } from './fake-router.ts';
export { FakeTarget } from './fake-target.ts';
export type { FakeInstance } from './fake-target.ts';
export { addHistograms, bucketCount, bucketOf, bucketUpperBound, histogramTotal, quantile, subtractHistogram } from './histogram.ts';
export type { Histogram } from './histogram.ts';
export { phaseKinds } from './phase.ts';
export type { Phase } from './phase.ts';
export type { BlueGreenPolicy, Probes, SmokeCheck, Trigger } from './policy.ts';
export type {
  Attestation,
  Endpoint,
  HealthProbe,
  InstanceExit,
  InstanceStatus,
  InstanceUsage,
  JournaledRevert,
  Latch,
  MetricSource,
  ProbeAnswer,
  Router,
  RouterEndpoints,
  RouterObservation,
  RouterRefusal,
  Sample,
  ServiceKey,
  Slot,
  SlotCounters,
  SlotEndpoints,
  SlotOrder,
  SlotStatus,
  StickyKey,
  Target,
  TargetProblem,
  TrafficDeclaration,
  Weights,
} from './ports.ts';
export { hopCases, httpCases } from './http-contract.ts';
export type { HttpCase } from './http-contract.ts';
export { routerContract } from './router-contract.ts';
export type { RouterClause, RouterRig } from './router-contract.ts';
export {
  afterFact,
  allTo,
  emptyRoutingTable,
  isSplit,
  movingWeight,
  reverting,
  revertsAfter,
  stickyPlace,
  takingEpoch,
} from './routing.ts';
export type { RevertOrder, Routing, RoutingFact, RoutingTable } from './routing.ts';
export { deadlineOf, nextCommand, otherSlot, phaseAt, weightsOf } from './next-command.ts';
export { crashBehind, describeProblem, describeReason, worthRepeating } from './reason.ts';
export type { Problem, Reason, Where } from './reason.ts';
export { committedAt, exposedAt, planRollout } from './rollout-plan.ts';
export type { RolloutPlan } from './rollout-plan.ts';
export { isTerminal, terminalKinds } from './state.ts';
export type {
  GivenUp,
  Hold,
  RevertStep,
  RolloutCommand,
  RolloutEvent,
  RolloutFact,
  RolloutState,
  TerminalState,
  WayBack,
} from './state.ts';
export { strategies } from './strategies/index.ts';
export { allHealthy } from './verification.ts';
export type { SmokeAnswers } from './verification.ts';
export { targetContract } from './target-contract.ts';
export type { TargetClause, TargetRig } from './target-contract.ts';
export { judgeProbe } from './probe-evidence.ts';
export type { ProbeRound } from './probe-evidence.ts';
export { answersOf, unwatched } from './watch-progress.ts';
export type { WatchProgress } from './watch-progress.ts';
export type { Fault, FaultRule, SlotNumbers, WatchEnd, WatchNumbers, WatchVerdict } from './watch-verdict.ts';
export { observe } from './watch.ts';
export type { Observed, Reading } from './watch.ts';
export { usualSamplingPeriod, watchRules } from './watch-rules.ts';
export type { WatchRules } from './watch-rules.ts';
