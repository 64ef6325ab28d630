import { isActorRef } from '#access';
import { assertNever, type Clock } from '#kernel';
import type { Outcome, PendingEntry, Reason as EntryReason } from '#ledger';
import { crashBehind, otherSlot, type Crash, type Reason, type RolloutFact, type RolloutState } from '#rollout';
import type { Deployment } from './deployment.ts';
import { entryTime, type Recorder } from './record.ts';
import { settledDigest, settledInput } from './record-agreement.ts';
import type { RolloutRecord } from './rollout-record.ts';

/** What is known around a change of a rollout's state. */
export type ChangeContext = {
  readonly rollout: RolloutRecord;
  readonly deployment: Deployment;
  readonly before: RolloutState;
  readonly executor: string;
  readonly previousVersion: string | undefined;
  /** Monotonic milliseconds the phase that ended took in this controller. */
  readonly phaseMs: number;
  readonly back: { readonly decidedAt: number; readonly safeAt?: number } | undefined;
  readonly clock: Clock;
};

/** The ledger's lines for what `decide` found worth recording. Facts that no entry type tells stay in the state alone. */
export function entriesOf(record: Recorder, facts: readonly RolloutFact[], context: ChangeContext): readonly PendingEntry[] {
  return facts.flatMap((fact) => entryOf(record, fact, context) ?? []);
}

function entryOf(record: Recorder, fact: RolloutFact, context: ChangeContext): PendingEntry | undefined {
  const { rollout, before, executor, deployment, clock } = context;
  const { plan } = rollout;
  const service = deployment.request.service;
  const head = {
    actorRef: `controller:${executor}`,
    subject: { kind: 'deployment', id: deployment.request.id, digest: plan.release },
    env: deployment.request.environment,
    requestId: deployment.request.requestId,
    chainId: deployment.request.chainId,
  } as const;
  switch (fact.kind) {
    case 'epoch-taken': {
      if (before.kind !== 'claiming') return undefined;
      const body = { service, version: plan.version, releaseDigest: plan.release, slot: plan.candidate, epoch: fact.epoch };
      return record.entry('rollout.started', { ...head, body, inputs: [{ name: settledInput, digest: settledDigest(rollout) }] });
    }
    case 'phase-ended':
      if (fact.phase === 'commit') {
        return record.entry('rollout.committed', { ...head, body: { service, slot: plan.candidate, releaseDigest: plan.release } });
      }
      return record.entry('rollout.phase-finished', {
        ...head,
        body: { service, phase: fact.phase, durationMs: Math.round(context.phaseMs) },
        reasons: [
          ...(fact.early === undefined ? [] : [{ code: 'room-asked', facts: { deployment: fact.early.askedBy } }]),
          // A person decided that this was enough, and how little it was is said (I1).
          ...(fact.promoted === undefined
            ? []
            : [{ code: 'promoted', facts: { answers: fact.promoted.answers, watchedMs: Math.round(fact.promoted.watchedMs) } }]),
        ],
      });
    case 'weight-moved': {
      const body = { service, epoch: fact.epoch, slot: plan.candidate, fromBp: weightBefore(context), toBp: fact.weights[plan.candidate] };
      return record.entry('rollout.weight-changed', { ...head, body });
    }
    case 'watch-judged': {
      const { verdict } = fact;
      const { candidate, stable } = verdict.numbers;
      const body = {
        service,
        phase: phaseName(context),
        verdict: verdict.kind,
        samplesNew: candidate.answers,
        samplesOld: stable?.answers ?? 0,
      };
      const { probes } = verdict.numbers;
      // Requests of our own are never among the samples: the record says how many there were beside them.
      const probed: readonly EntryReason[] =
        probes === undefined ? [] : [{ code: 'probes', facts: { answers: probes.answers, failed: probes.failed } }];
      const judged: readonly EntryReason[] =
        verdict.kind === 'fail' ? [...crashReasons(verdict.crash), { code: verdict.rule, facts: {} }] : [];
      return record.entry('rollout.verdict', { ...head, body, outcome: outcomeOfVerdict[verdict.kind], reasons: [...judged, ...probed] });
    }
    case 'reverted': {
      const why = before.kind === 'reverting' ? before.why : undefined;
      const faultAt = why?.kind === 'fault' ? why.fault.numbers.firstErrorAt : undefined;
      const now = entryTime(clock.now());
      const body = {
        service,
        epoch: epochOf(before),
        slot: otherSlot(plan.candidate),
        faultAt: faultAt === undefined ? null : entryTime(faultAt),
        decidedAt: context.back === undefined ? now : entryTime(context.back.decidedAt),
        safeAt: context.back?.safeAt === undefined ? now : entryTime(context.back.safeAt),
      };
      // Whoever asked for it is named, not the controller that did it (I17).
      const actorRef = why?.kind === 'asked' && isActorRef(why.by) ? why.by : head.actorRef;
      return record.entry('rollout.reverted', {
        ...head,
        actorRef,
        body,
        outcome: 'reverted',
        reasons: why === undefined ? [] : reasonsOf(why),
      });
    }
    case 'ended': {
      const body = {
        service,
        version: plan.version,
        previousVersion: context.previousVersion ?? null,
        durationMs: Math.max(0, Math.round(clock.now() - Date.parse(rollout.startedAt))),
        healthChecksPassed: fact.as === 'succeeded',
        rollbackCapable: context.previousVersion !== undefined,
      };
      const reasons = fact.why === undefined ? [] : reasonsOf(fact.why);
      return record.entry('rollout.finished', { ...head, body, outcome: outcomeOfEnd[fact.as], reasons });
    }
    case 'started':
    case 'adopted':
    case 'phase-began':
    case 'attested':
    case 'drain-cut-short':
    case 'revert-began':
    case 'preserved':
    case 'not-preserved':
    case 'retired':
      return undefined;
    default:
      return assertNever(fact);
  }
}

const outcomeOfVerdict = { pass: 'succeeded', fail: 'failed', inconclusive: 'inconclusive' } as const satisfies Record<string, Outcome>;

const outcomeOfEnd = {
  succeeded: 'succeeded',
  failed: 'failed',
  reverted: 'reverted',
  cancelled: 'cancelled',
  stuck: 'failed',
} as const satisfies Record<string, Outcome>;

/** The cause first: a crash, by its exit code or signal and how often; then the rule that noticed. What the process said stays in the rows. */
const reasonsOf = (reason: Reason): readonly EntryReason[] => [...crashReasons(crashBehind(reason)), reasonOf(reason)];

const crashReasons = (crash: Crash | undefined): readonly EntryReason[] => {
  if (crash === undefined) return [];
  const { how, times } = crash;
  return [{ code: 'crash', facts: { ...factsOfExit(how), times } }];
};

function factsOfExit(how: Crash['how']): EntryReason['facts'] {
  switch (how.kind) {
    case 'code':
      return { exitCode: how.code };
    case 'signal':
      return { signal: how.signal };
    case 'unknown':
      return {};
    default:
      return assertNever(how);
  }
}

/** A reason as code and facts: its words may quote a person or a service, and those never enter the ledger (I10). */
function reasonOf(reason: Reason): EntryReason {
  switch (reason.kind) {
    case 'fault':
      return { code: reason.fault.rule, facts: { phase: reason.during } };
    case 'problem':
      return { code: `${reason.problem.kind}-problem`, facts: { phase: reason.during } };
    case 'inconclusive':
    case 'deadline':
      return { code: reason.kind, facts: { phase: reason.during } };
    case 'asked':
    case 'latched':
      return { code: reason.kind, facts: {} };
    case 'superseded':
      return { code: 'superseded', facts: { epoch: reason.epoch } };
    default:
      return assertNever(reason);
  }
}

const epochOf = (state: RolloutState): number => (state.kind === 'reverting' && state.step.kind === 'route' ? state.step.way.epoch : 0);

/** The last weight the plan had given the new slot before this phase. */
function weightBefore({ rollout, before }: ChangeContext): number {
  if (before.kind !== 'running') return 0;
  const shift = rollout.plan.phases.slice(0, before.at).findLast((phase) => phase.kind === 'shift');
  return shift?.kind === 'shift' ? shift.weight : 0;
}

function phaseName({ rollout, before }: ChangeContext): string {
  return before.kind === 'running' ? (rollout.plan.phases[before.at]?.kind ?? 'watch') : before.kind;
}
