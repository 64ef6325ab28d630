import { shortDigest } from '#kernel';
import type { Attestation } from './ports.ts';
import type { RolloutPlan } from './rollout-plan.ts';

/**
 * Why the instances of the new slot may not get traffic, or undefined when each runs exactly what was approved (I6).
 * What the agent measured decides. What a service says of itself cannot make a wrong digest right, but a contradiction is a fault too.
 */
export function problemOfAttestations(plan: RolloutPlan, attestations: readonly Attestation[]): string | undefined {
  if (attestations.length !== plan.instances || new Set(attestations.map((one) => one.instance)).size !== plan.instances) {
    return `${attestations.length} of ${plan.instances} instances could be attested`;
  }
  for (const { instance, artifact, executable, program, foreign, selfReported } of attestations) {
    if (artifact !== plan.artifact) return `${instance} runs artifact ${shortDigest(artifact)}, approved is ${shortDigest(plan.artifact)}`;
    if (executable !== plan.executable) {
      const [runs, ordered] = program === undefined ? ['program ', ''] : [`program ${program.runs} `, `${program.ordered} `];
      return `${instance} runs ${runs}${shortDigest(executable)}, approved is ${ordered}${shortDigest(plan.executable)}`;
    }
    if (foreign?.[0] !== undefined) {
      const more = foreign.length === 1 ? '' : ` and ${foreign.length - 1} more`;
      return `${instance} has code from outside of its artifact in reach: ${foreign[0]}${more}`;
    }
    if (selfReported?.version !== undefined && selfReported.version !== plan.version) {
      return `${instance} says it is version ${selfReported.version}, but ${plan.version} was placed`;
    }
    if (selfReported?.digest !== undefined && selfReported.digest !== plan.artifact) {
      return `${instance} says its digest is ${selfReported.digest}, but ${shortDigest(plan.artifact)} was measured`;
    }
  }
  return undefined;
}
