import type { Digest } from '#kernel';
import type { Phase } from './phase.ts';
import type { BlueGreenPolicy, SmokeCheck } from './policy.ts';
import type { ServiceKey, Slot } from './ports.ts';
import { strategies } from './strategies/index.ts';

/** What a rollout is about; settled before it starts and never changed, so that a row and this decide everything. */
export type RolloutPlan = {
  /** Also the key of the order that fills the candidate. */
  readonly deployment: string;
  readonly service: ServiceKey;
  readonly release: Digest;
  readonly version: string;
  /** The approved digests: no instance that runs another one gets traffic (I6). */
  readonly artifact: Digest;
  readonly executable: Digest;
  /** The slot that is filled with the new version. */
  readonly candidate: Slot;
  /** The slot that serves now, and to which a revert goes, with the key of the order that fills it: nothing else in it may ever be stopped. Absent for the first release of a service. */
  readonly stable?: { readonly slot: Slot; readonly key: string };
  readonly instances: number;
  readonly smoke: readonly SmokeCheck[];
  readonly policy: BlueGreenPolicy;
  readonly phases: readonly Phase[];
};

/** A plan with the phases of its policy. */
export function planRollout(facts: Omit<RolloutPlan, 'phases'>): RolloutPlan {
  const phases = strategies[facts.policy.kind](facts.policy, { firstRelease: facts.stable === undefined });
  const problem = problemOfPhases(phases);
  if (problem !== undefined) throw new Error(`strategy ${facts.policy.kind}: ${problem}`);
  if (facts.stable?.slot === facts.candidate)
    throw new Error(`${facts.service}: slot ${facts.candidate} cannot be both the new and the old one`);
  return { ...facts, phases };
}

/** Why a list of phases must not be run, whatever strategy made it; undefined when it may. */
export function problemOfPhases(phases: readonly Phase[]): string | undefined {
  const at = (kind: Phase['kind']): number => phases.findIndex((phase) => phase.kind === kind);
  const firstShift = at('shift');
  if (at('prepare') !== 0) return 'the first phase must be prepare';
  if (firstShift < 0 || at('commit') < 0) return 'there must be a shift and a commit';
  for (const guard of ['attest', 'verify'] as const) {
    if (at(guard) < 0 || at(guard) > firstShift)
      return `${guard} must come before the first shift: no weight moves to what was not examined (I6)`;
  }
  const unmeasured = phases.find(({ kind }, here) => (kind === 'shift' || kind === 'commit') && !measures(phases[here - 1]));
  if (unmeasured !== undefined) return `${unmeasured.kind} must come right after attest or verify: what runs is measured before each (I6)`;
  if (phases.findLastIndex((phase) => phase.kind === 'shift') > at('commit')) return 'no weight moves after commit';
  for (const late of ['keep-warm', 'drain', 'retire'] as const) {
    if (at(late) >= 0 && at(late) < at('commit')) return `${late} must come after commit: the old slot stays warm until then (I9)`;
  }
  if (at('retire') >= 0 && (at('drain') < 0 || at('retire') < at('drain'))) return 'drain must come before retire (D02)';
  if (at('retire') >= 0 && at('retire') !== phases.length - 1) return 'nothing comes after retire';
  return undefined;
}

/** Verifying ends with a measurement of its own. */
const measures = (phase: Phase | undefined): boolean => phase?.kind === 'attest' || phase?.kind === 'verify';

/** Whether the new version may have got traffic once phase `at` was begun. */
export const exposedAt = (plan: RolloutPlan, at: number): boolean => plan.phases.slice(0, at + 1).some((phase) => phase.kind === 'shift');

/** Whether phase `at` lies after the commit point. */
export const committedAt = (plan: RolloutPlan, at: number): boolean => plan.phases.slice(0, at).some((phase) => phase.kind === 'commit');
