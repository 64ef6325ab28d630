import { deepFreeze } from '#kernel';
import { fill } from './filled.ts';

/**
 * Who is given a secret: the jobs named, and the services named in the environments named; nobody else. `refs`: of commits on these branches alone, in place
 * of the protected ones of the delivery.
 */
export type SecretGrant = {
  readonly jobs: readonly string[];
  readonly services: readonly string[];
  readonly environments: readonly string[];
  readonly refs?: readonly string[];
};

/** A grant that names jobs, services and environments in its type, so that the delivery can check them. */
export type SecretGrantOf<JobName extends string, ServiceName extends string, EnvironmentName extends string> = {
  readonly jobs?: readonly JobName[];
  readonly services?: readonly ServiceName[];
  readonly environments?: readonly EnvironmentName[];
  /** Branches (`main`, `release/*`), or other refs by their full names (`refs/tags/v*`). */
  readonly refs?: readonly string[];
};

/**
 * Gives a secret to jobs, or to services in environments. Under `sluice serve` only the grants of the definition it was started with count, so that no commit
 * gives itself one; and only for commits on a protected branch.
 */
export const grant = <
  const JobName extends string = never,
  const ServiceName extends string = never,
  const EnvironmentName extends string = never,
>(
  input: SecretGrantOf<JobName, ServiceName, EnvironmentName>,
): SecretGrantOf<JobName, ServiceName, EnvironmentName> =>
  deepFreeze(fill<SecretGrantOf<JobName, ServiceName, EnvironmentName>>(input, { jobs: [], services: [], environments: [] }));
