import type { ResourceLimits } from '#kernel';

/** What enforces limits on this machine, as words for the scripts. */
export type Limiter = {
  readonly enforces: readonly (keyof ResourceLimits)[];
  /** For the supervisor: control groups to make, what to write into them. */
  outside(limits: ResourceLimits): readonly string[];
  /** A command to put in front of the first process inside. */
  inside(limits: ResourceLimits): readonly string[];
};

/** Where nothing does. */
export const noLimiter: Limiter = { enforces: [], outside: () => [], inside: () => [] };
