import type { HealthProbe, InstanceStatus } from '#rollout';

/** How many looks in a row were good, or bad; one of the two is 0. */
export type HealthCount = { readonly good: number; readonly bad: number };

/** Before the first look. */
export const noLooks: HealthCount = { good: 0, bad: 0 };

/** After one more look. */
export const afterLook = (count: HealthCount, look: 'good' | 'bad'): HealthCount =>
  look === 'good' ? { good: count.good + 1, bad: 0 } : { good: 0, bad: count.bad + 1 };

/** Whether enough good looks in a row were had to bring an instance in. */
export const isRisen = (count: HealthCount, { rise }: Pick<HealthProbe, 'rise'>): boolean => count.good >= rise;

/** The last instance that takes traffic is never taken out by a single look: one odd answer costs a request, its loss costs all of them. */
const leastForTheLast = 2;

/** Whether enough bad looks in a row were had to take an instance out that takes traffic; one that does not, because it never did, is out with the first. */
export function isFallen(
  count: HealthCount,
  { fall }: Pick<HealthProbe, 'fall'>,
  now: { readonly state: InstanceStatus['state']; readonly isLast: boolean },
): boolean {
  if (now.state !== 'healthy') return count.bad > 0;
  return count.bad >= (now.isLast ? Math.max(leastForTheLast, fall) : fall);
}
