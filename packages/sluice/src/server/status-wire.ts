import { assertNever } from '#kernel';
import {
  describeExit,
  describeReason,
  isTerminal,
  quantile,
  type RolloutPlan,
  type RolloutState,
  type RouterObservation,
  type Slot,
  type SlotStatus,
} from '#rollout';
import { isActive, type RolloutRecord, type ServiceView, type StoredEntry } from '#workflow';
import { deploymentToWire, namesIn, type ActorNames } from './deployment-wire.ts';
import { awaits } from './rollout-progress.ts';
import type { SlotWire, StatusWire } from './schema.ts';

/** What surrounds a service view: what the target sees in its slots, and the entries of its last deployment, for times. */
export type StatusContext = {
  readonly slots: readonly SlotStatus[];
  readonly entries: readonly StoredEntry[];
  readonly pendingReverts: number;
  readonly nameOf: ActorNames;
};

/** A service in an environment as clients see it. */
export function statusToWire(view: ServiceView, context: StatusContext): StatusWire {
  const { live, rollout, router } = view;
  const seen = router.kind === 'seen' ? router.seen : undefined;
  return {
    service: view.service,
    environment: view.environment,
    ...(seen === undefined ? {} : { listen: `${seen.listen.host}:${seen.listen.port}` }),
    ...(live === undefined ? {} : { live: { version: live.version, release: live.release, since: live.since, slot: live.slot } }),
    router:
      router.kind === 'silent'
        ? { reachable: false, message: router.because }
        : {
            reachable: true,
            epoch: router.seen.epoch,
            ...(router.seen.latch === undefined ? {} : { latch: { ...router.seen.latch, by: context.nameOf(router.seen.latch.by) } }),
          },
    slots: (['blue', 'green'] as const).map((slot) =>
      slotToWire(
        slot,
        seen,
        context.slots.find((each) => each.slot === slot),
      ),
    ),
    ...(rollout === undefined || isTerminal(rollout.state) ? {} : { rollout: rolloutToWire(rollout, context) }),
    ...whatWaits(view, context.nameOf),
    pendingReverts: context.pendingReverts,
  };
}

/** The newest deployment while it has moved nothing, or how it ended where that was not well: a person shall find both without knowing to ask. */
function whatWaits({ deployment, setback }: ServiceView, nameOf: ActorNames): Pick<StatusWire, 'waiting' | 'last'> {
  if (deployment === undefined) return {};
  const { request, state } = deployment;
  const wire = deploymentToWire(deployment, { nameOf, ...(setback === undefined ? {} : { setback }) });
  const by = nameOf(request.requestedBy);
  if (isActive(state)) {
    if (state.kind === 'rolling-out' && setback === undefined) return {};
    return {
      waiting: {
        deployment: request.id,
        wanted: wire.wanted,
        ...(wire.release === undefined ? {} : { version: wire.release.version }),
        state: state.kind,
        detail: wire.detail,
        missing: state.kind === 'waiting-approval' ? [...state.missing] : [],
        since: state.kind === 'waiting-approval' ? (state.since ?? request.requestedAt) : request.requestedAt,
        by,
      },
    };
  }
  if (state.kind !== 'reverted' && state.kind !== 'failed' && state.kind !== 'cancelled') return {};
  return { last: { deployment: request.id, state: state.kind, detail: wire.detail, at: state.at, by } };
}

function slotToWire(slot: Slot, seen: RouterObservation | undefined, status: SlotStatus | undefined): SlotWire {
  const counters = seen?.counters[slot];
  const p50 = counters === undefined ? undefined : quantile(counters.latency, 0.5);
  const p99 = counters === undefined ? undefined : quantile(counters.latency, 0.99);
  return {
    slot,
    ...(status?.version === undefined ? {} : { version: status.version }),
    weightBasisPoints: seen?.weights[slot] ?? 0,
    answers: counters?.answers ?? 0,
    errors: counters?.errors ?? 0,
    inFlight: counters?.inFlight ?? 0,
    sessions: counters?.sessions ?? 0,
    ...(p50 === undefined ? {} : { p50 }),
    ...(p99 === undefined ? {} : { p99 }),
    instances: (status?.instances ?? []).map(({ name, state, pid, endpoint, restarts, note, lastExit, usage }) => ({
      name,
      state,
      restarts,
      ...(pid === undefined ? {} : { pid }),
      ...(endpoint === undefined ? {} : { address: `${endpoint.host}:${endpoint.port}` }),
      ...(note === undefined ? {} : { note }),
      ...(lastExit === undefined ? {} : { exit: describeExit(lastExit.how), lastLines: [...lastExit.lastLines] }),
      ...(usage === undefined ? {} : { memoryBytes: usage.memoryBytes }),
    })),
  };
}

function rolloutToWire(rollout: RolloutRecord, { entries, nameOf }: StatusContext): NonNullable<StatusWire['rollout']> {
  const { plan, state } = rollout;
  const began = Date.parse(rollout.startedAt);
  const finished = entries
    .map(({ entry }) => entry)
    .filter(
      (entry) => (entry.type === 'rollout.phase-finished' || entry.type === 'rollout.committed') && entry.subject.id === rollout.deployment,
    )
    .map((entry) => Date.parse(entry.at) - began)
    .toSorted((a, b) => a - b);
  const at = 'at' in state ? state.at : undefined;
  const awaited = awaits(rollout);
  return {
    id: rollout.id,
    deployment: rollout.deployment,
    version: plan.version,
    candidate: plan.candidate,
    state: state.kind,
    detail: namesIn(detailOf(plan, state), nameOf),
    startedAt: rollout.startedAt,
    ...(awaited === undefined ? {} : { awaits: awaited }),
    phases: plan.phases.map((phase, index) => ({
      kind: phase.kind,
      state: phaseState(state, at, index),
      ...('weight' in phase ? { weightBasisPoints: phase.weight } : {}),
      ...(index === 0 ? { began: 0 } : finished[index - 1] === undefined ? {} : { began: Math.max(0, finished[index - 1] ?? 0) }),
      ...(finished[index] === undefined ? {} : { ended: Math.max(0, finished[index] ?? 0) }),
    })),
  };
}

function phaseState(state: RolloutState, at: number | undefined, index: number): 'waiting' | 'running' | 'done' {
  if (state.kind === 'succeeded' || state.kind === 'retiring') return 'done';
  if (at === undefined) return 'waiting';
  return index < at ? 'done' : index === at ? 'running' : 'waiting';
}

function detailOf(plan: RolloutPlan, state: RolloutState): string {
  switch (state.kind) {
    case 'queued':
    case 'claiming':
      return 'takes its turn at the router';
    case 'running':
    case 'reclaiming': {
      const phase = plan.phases[state.at];
      const shifts = plan.phases.filter((each) => each.kind === 'shift').length;
      const step = plan.phases.slice(0, state.at + 1).filter((each) => each.kind === 'shift').length;
      return phase === undefined ? 'ends' : step === 0 ? phase.kind : `${phase.kind}, step ${step} of ${shifts}`;
    }
    case 'retiring':
      return 'stops the old version';
    case 'reverting':
      return `goes back: ${describeReason(state.why)}`;
    case 'succeeded':
      return 'done';
    case 'failed':
    case 'reverted':
    case 'cancelled':
    case 'stuck':
      return `${state.kind}: ${describeReason(state.why)}`;
    default:
      return assertNever(state);
  }
}
