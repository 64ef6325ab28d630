import { err, ok, type Clock } from '#kernel';
import type { MetricSource, Router, Target } from '#rollout';

/** Measurements as the router counts them and the target sees its instances, of both slots at the same moment. */
export function routerMetrics({
  router,
  target,
  clock,
}: {
  readonly router: Router;
  readonly target: Target;
  readonly clock: Clock;
}): MetricSource {
  return {
    sample: async (service, candidate) => {
      const [seen, status] = await Promise.all([router.observe(service), target.observe(service, candidate)]);
      if (!seen.ok) return err({ message: 'message' in seen.error ? seen.error.message : `the router refused: ${seen.error.kind}` });
      if (!status.ok) return err({ message: status.error.message });
      return ok({ at: clock.monotonic(), counters: seen.value.counters, instances: status.value.instances });
    },
  };
}
