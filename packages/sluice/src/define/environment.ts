import { deepFreeze, type Duration } from '#kernel';
import { fill, isRecord } from './filled.ts';
import type { Variables } from './service.ts';
import { blueGreen, type BlueGreen } from './strategy.ts';

/** Who must sign before a release may enter an environment: one distinct person for each function named. */
export type ApprovalRule = { readonly functions: readonly string[] } & ApprovalOptions;

/**
 * `since`: the full id of a commit up to which the history was looked at by other means. Of a first release, only what came after it counts as written by
 * somebody; without it, everybody who ever committed is an author. It says nothing once a release is live.
 */
export type ApprovalOptions = { readonly since?: string };

/** A place where services run, and what must hold first. */
export type Environment = {
  /** The services that run here, with what differs from their definition. */
  readonly services: Readonly<Record<string, EnvironmentService>>;
  readonly approvals?: ApprovalRule;
  /** Environments in which the same release must be live, and well, first. */
  readonly after: readonly string[];
  /** For how long it must have been live and well there: without a crash, healthy, with all of the traffic. It is looked at again in the moment of entry. */
  readonly wellFor?: Duration;
  /** Branches whose commits may be deployed here; without them, the protected ones where approvals are asked for, and all elsewhere. */
  readonly refs?: readonly string[];
};

/** A service in one environment. */
export type EnvironmentService = {
  readonly strategy: BlueGreen;
  /** Public port of the router; without one a free port is found once and kept. */
  readonly listen?: number;
  readonly env: Variables;
  readonly instances?: number;
  readonly limits?: InstanceLimits;
};

/** What all processes of one instance together may use at most; the kernel enforces it where instances run in a sandbox and control groups can be made. */
export type InstanceLimits = { readonly memoryBytes?: number; readonly processes?: number };

declare const runs: unique symbol;

/**
 * An environment that names its services, the services they call, and the environments before it in its type, so that the delivery can
 * check them. The symbol exists for the compiler only: the keys of an object that is not a literal escape its checks otherwise.
 */
export type EnvironmentOf<Name extends string, Before extends string> = Omit<Environment, 'after'> & {
  readonly after: readonly Before[];
  readonly [runs]?: Name;
};

/** What differs for a service in one environment; `blueGreen()` unless told. */
export type EnvironmentServiceInput<Callee extends string> = {
  readonly strategy?: BlueGreen;
  /** Public port of the router; without one a free port is found once and kept. */
  readonly listen?: number;
  /** Variables here, over those of the service. */
  readonly env?: Variables<Callee>;
  readonly instances?: number;
  /** What one instance may use at most: `{ memoryBytes: 512 * 1024 ** 2, processes: 64 }`. */
  readonly limits?: InstanceLimits;
};

/** What a user writes for an environment. */
export type EnvironmentInput<Name extends string, Before extends string, Callee extends string> = {
  /** The services that run here: `{ engine: {}, api: { listen: 8080 } }`. */
  readonly services: { readonly [Service in Name]: EnvironmentServiceInput<Callee> };
  /** Environments in which the same release must be live first. */
  readonly after?: readonly Before[];
  /** For how long it must have been live and well there: `minutes(10)`; unless told, well now and without a crash for a minute. */
  readonly wellFor?: Duration;
  /** Branches (`main`, `release/*`) whose commits may be deployed here. Without it: the protected ones where approvals are asked for, all elsewhere. */
  readonly refs?: readonly string[];
  /** Who must sign: `approvals('trading', 'risk')`. */
  readonly approvals?: ApprovalRule;
};

/** An environment written as a plain object in the delivery; never one that was made before, whose names would escape the check. */
export type PlainEnvironment<Name extends string, Before extends string> = Omit<EnvironmentInput<Name, Before, Name>, 'services'> & {
  readonly services: { readonly [Service in Name]?: EnvironmentServiceInput<Name> };
  readonly [runs]?: never;
};

/** A place where services run: which, with what, after which other places, and who must sign. */
export function environment<const Name extends string, const Before extends string = never, const Callee extends string = never>(
  input: EnvironmentInput<Name, Before, Callee>,
): EnvironmentOf<Name | Callee, Before> {
  const filled: unknown = fill<{ readonly after: readonly Before[] }>(input, { after: [] });
  if (!isRecord(filled) || !isRecord(filled['services'])) return deepFreeze(filled) as EnvironmentOf<Name | Callee, Before>;
  const services = Object.entries(filled['services']).map(([name, service]) => [
    name,
    fill<EnvironmentServiceInput<string>>(service, { strategy: blueGreen(), env: {} }),
  ]);
  return deepFreeze({ ...filled, services: Object.fromEntries(services) as unknown }) as EnvironmentOf<Name | Callee, Before>;
}

/** One distinct person of each function named must sign, none of them an author of what changed: `approvals('trading', 'risk', { since: '4f2c…' })`. */
export function approvals(...parts: readonly [string, ...string[]] | readonly [string, ...string[], ApprovalOptions]): ApprovalRule {
  const all: readonly unknown[] = parts;
  const functions = all.filter((part) => !isRecord(part)) as readonly string[];
  return deepFreeze(Object.assign({ functions }, ...all.filter(isRecord)) as ApprovalRule);
}
