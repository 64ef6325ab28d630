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
  for (const { instance, artifact, executable, selfReported } of attestations) {
    if (artifact !== plan.artifact) return `${instance} runs artifact ${shortDigest(artifact)}, approved is ${shortDigest(plan.artifact)}`;
    if (executable !== plan.executable) {
      return `${instance} runs program ${shortDigest(executable)}, approved is ${shortDigest(plan.executable)}`;
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
