import { assertNever } from '#kernel';
import {
  describeReason,
  isTerminal,
  quantile,
  type RolloutPlan,
  type RolloutState,
  type RouterObservation,
  type Slot,
  type SlotStatus,
} from '#rollout';
import type { RolloutRecord, ServiceView, StoredEntry } from '#workflow';
import type { SlotWire, StatusWire } from './schema.ts';

/** What surrounds a service view: what the target sees in its slots, and the entries of its last deployment, for times. */
export type StatusContext = {
  readonly slots: readonly SlotStatus[];
  readonly entries: readonly StoredEntry[];
  readonly pendingReverts: number;
  /** The name behind `person:<reference>`; anything else stays what it is. */
  readonly nameOf: (by: string) => string;
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
    ...(rollout === undefined || isTerminal(rollout.state) ? {} : { rollout: rolloutToWire(rollout, context.entries) }),
    pendingReverts: context.pendingReverts,
  };
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
    instances: (status?.instances ?? []).map(({ name, state, pid, endpoint, restarts, note }) => ({
      name,
      state,
      restarts,
      ...(pid === undefined ? {} : { pid }),
      ...(endpoint === undefined ? {} : { address: `${endpoint.host}:${endpoint.port}` }),
      ...(note === undefined ? {} : { note }),
    })),
  };
}

function rolloutToWire(rollout: RolloutRecord, entries: readonly StoredEntry[]): NonNullable<StatusWire['rollout']> {
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
  return {
    id: rollout.id,
    deployment: rollout.deployment,
    version: plan.version,
    candidate: plan.candidate,
    state: state.kind,
    detail: detailOf(plan, state),
    startedAt: rollout.startedAt,
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
