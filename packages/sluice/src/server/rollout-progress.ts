import { formatBasisPoints, formatDuration } from '#kernel';
import { answersOf, phaseAt } from '#rollout';
import type { RolloutRecord } from '#workflow';

/** What a rollout waits for now, in one line: how much evidence of how much, and for how long it may still take. Undefined while it waits for nobody. */
export function awaits({ plan, state }: Pick<RolloutRecord, 'plan' | 'state'>): string | undefined {
  if (state.kind !== 'running') return undefined;
  const phase = phaseAt(plan, state.at);
  const { watch, held } = state;
  const hold = held === undefined ? undefined : `held until ${held.until.slice(0, 16).replace('T', ' ')} UTC: ${held.reason}`;
  if (phase.kind !== 'watch') return hold;
  const wanted = plan.stable === undefined ? 0 : plan.policy.minimumSample;
  const probes = watch.probes?.answers ?? 0;
  const seen = answersOf(watch, plan.candidate);
  const beside = probes === 0 ? '' : ` and ${probes} probes`;
  const answers = wanted === 0 ? [] : [`${seen}${beside} of ${wanted} answers`];
  const open = watch.watchedMs < phase.for ? `${formatDuration(Math.floor(watch.watchedMs))} of ${formatDuration(phase.for)}` : undefined;
  const left = plan.policy.onInconclusive.holdFor - watch.heldMs;
  const then = plan.policy.onInconclusive.then === 'revert' ? 'then goes back' : 'then stays until somebody decides';
  const more =
    open === undefined && seen + probes < wanted
      ? `waits up to ${formatDuration(Math.max(0, Math.ceil(left / 1_000) * 1_000))} for more, ${then}`
      : undefined;
  return [`watch at ${formatBasisPoints(phase.weight)}`, ...[open, ...answers, more, hold].filter((part) => part !== undefined)].join(', ');
}
