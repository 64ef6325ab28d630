import type { SmokeCheck } from './policy.ts';
import type { InstanceStatus, ProbeAnswer } from './ports.ts';
import type { RolloutPlan } from './rollout-plan.ts';

/** What the instances of the new slot answered to one smoke check. */
export type SmokeAnswers = { readonly check: SmokeCheck; readonly answers: readonly ProbeAnswer[] };

/** Whether all instances wanted are there and healthy: until then a rollout waits, within its deadline. */
export const allHealthy = (plan: RolloutPlan, instances: readonly InstanceStatus[]): boolean =>
  instances.length === plan.instances && instances.every((one) => one.state === 'healthy');

/** Why the new slot may not get traffic after its health and smoke checks, or undefined when each instance answered each check as told. */
export function problemOfVerification(
  plan: RolloutPlan,
  seen: { readonly instances: readonly InstanceStatus[]; readonly smoke: readonly SmokeAnswers[] },
): string | undefined {
  if (!allHealthy(plan, seen.instances)) {
    const healthy = seen.instances.filter((one) => one.state === 'healthy').length;
    const sick = seen.instances.find((one) => one.state !== 'healthy');
    return `${healthy} of ${plan.instances} instances are healthy${sick === undefined ? '' : `; ${sick.name} is ${sick.state}${sick.note === undefined || sick.lastExit !== undefined ? '' : `: ${sick.note}`}`}`;
  }
  for (const check of plan.smoke) {
    // A check that nobody ran proves nothing (I1).
    const found = seen.smoke.find(
      (one) =>
        one.check.method === check.method &&
        one.check.path === check.path &&
        one.check.status === check.status &&
        one.check.contains === check.contains,
    );
    const problem = found === undefined ? `was not run` : problemOfSmoke(check, found.answers, seen.instances);
    if (problem !== undefined) return `${check.method} ${check.path} ${problem}`;
  }
  return undefined;
}

function problemOfSmoke(check: SmokeCheck, answers: readonly ProbeAnswer[], instances: readonly InstanceStatus[]): string | undefined {
  const silent = instances.find((one) => !answers.some((answer) => answer.instance === one.name));
  if (silent !== undefined) return `was not answered by ${silent.name}`;
  const wrong = answers.find((answer) => answer.status !== check.status);
  if (wrong !== undefined) return `answered ${wrong.status === 0 ? 'nothing' : wrong.status} on ${wrong.instance}, wanted ${check.status}`;
  const { contains } = check;
  const without = contains === undefined ? undefined : answers.find((answer) => !answer.body.includes(contains));
  return without === undefined ? undefined : `answered without "${contains}" on ${without.instance}`;
}
