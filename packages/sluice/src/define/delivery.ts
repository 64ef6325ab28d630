import { deepFreeze } from '#kernel';
import { environment, type Environment, type EnvironmentInput, type EnvironmentOf, type PlainEnvironment } from './environment.ts';
import { fill, isRecord } from './filled.ts';
import type { Gate, GateFrom } from './gate.ts';
import { job, type Job, type JobInput, type JobNeeding } from './job.ts';
import { grant, type SecretGrant, type SecretGrantOf } from './secret.ts';
import { service, type Service, type ServiceCalling, type ServiceInput } from './service.ts';

/** The whole definition of a project, as frozen plain data: what `sluice.config.ts` exports. */
export type Delivery = {
  readonly name: string;
  readonly jobs: Readonly<Record<string, Job>>;
  readonly gates: Readonly<Record<string, Gate>>;
  /** Named selections of jobs and gates; `default` holds all of them unless declared. */
  readonly pipelines: Readonly<Record<string, Pipeline>>;
  readonly services: Readonly<Record<string, Service>>;
  readonly environments: Readonly<Record<string, Environment>>;
  readonly machineIdentities?: MachineIdentities;
  /** Who is given which secret. */
  readonly secrets?: Readonly<Record<string, SecretGrant>>;
  /** Branches whose commits are trusted; without them the default branch of the repository. */
  readonly protectedRefs?: readonly string[];
};

/**
 * E-mail addresses in commits that belong to machines, and what each may be: a `committer` only stores what a person wrote, an `author` also writes by
 * itself. Who may set a commit's author can write under any such address, so declare as few authors as there are bots.
 */
export type MachineIdentities = Readonly<Record<string, 'committer' | 'author'>>;

/** Jobs, with everything they need, and the gates that judge them. */
export type Pipeline = { readonly jobs: readonly string[]; readonly gates: readonly string[] };

/**
 * What a user writes; every name used in it must be one that it declares. Jobs, services and environments may be written as plain objects,
 * in which names complete in the editor, or made by `job`, `service` and `environment`, which can stand outside of the delivery too.
 */
export type DeliveryInput<JobName extends string, GateName extends string, ServiceName extends string, EnvironmentName extends string> = {
  /** The name of the project, as people will see it. */
  readonly name: string;
  readonly jobs?: { readonly [Name in JobName]: JobIn<NoInfer<Exclude<JobName, Name>>> };
  readonly gates?: { readonly [Name in GateName]: GateFrom<NoInfer<JobName>> };
  /** Named selections: `{ quick: { jobs: ['unit'], gates: ['tests'] } }`. Without one called `default`, that is everything. */
  readonly pipelines?: Readonly<
    Record<string, { readonly jobs: readonly NoInfer<JobName>[]; readonly gates: readonly NoInfer<GateName>[] }>
  >;
  readonly services?: { readonly [Name in ServiceName]: ServiceIn<NoInfer<Exclude<ServiceName, Name>>> };
  readonly environments?: {
    readonly [Name in EnvironmentName]: EnvironmentIn<NoInfer<ServiceName>, NoInfer<Exclude<EnvironmentName, Name>>>;
  };
  /** `{ 'noreply@github.com': 'committer' }`: addresses that are no person's. They approve nothing, and hide nobody of the same commit. */
  readonly machineIdentities?: MachineIdentities;
  /** `{ DB_PASSWORD: grant({ jobs: ['integration'] }) }`: who is given which secret; nobody else sees it. */
  readonly secrets?: Readonly<Record<string, SecretGrantOf<NoInfer<JobName>, NoInfer<ServiceName>, NoInfer<EnvironmentName>>>>;
  /**
   * Branches (`main`, `release/*`) whose commits are trusted: they alone get secrets, write the cache that all read, and enter environments that ask for
   * approvals. Other refs by their full names (`refs/tags/v*`). Without it, the default branch of the repository.
   */
  readonly protectedRefs?: readonly string[];
};

type JobIn<Needs extends string> = JobInput<Needs> | JobNeeding<Needs>;
type ServiceIn<Callee extends string> = ServiceInput<Callee> | ServiceCalling<Callee>;
type EnvironmentIn<Name extends string, Before extends string> = PlainEnvironment<Name, Before> | EnvironmentOf<Name, Before>;

/**
 * The mark of a delivery. Registered under a global name: the configuration may have been read through another copy of this package than the
 * one that runs it.
 */
const mark: unique symbol = Symbol.for('sluice.delivery');

/** Defines how a project is built, judged and brought to where it runs. The default export of `sluice.config.ts`. */
export function defineDelivery<
  const JobName extends string = never,
  const GateName extends string = never,
  const ServiceName extends string = never,
  const EnvironmentName extends string = never,
>(input: DeliveryInput<JobName, GateName, ServiceName, EnvironmentName>): Delivery {
  const filled = fill<Delivery>(input, { jobs: {}, gates: {}, pipelines: {}, services: {}, environments: {} });
  if (!isRecord(filled)) return filled;
  const all: Pipeline = { jobs: namesOf(filled.jobs), gates: namesOf(filled.gates) };
  const pipelines = isRecord(filled.pipelines) ? { default: all, ...filled.pipelines } : filled.pipelines;
  const delivery = {
    ...filled,
    jobs: made(filled.jobs, (each) => (isRecord(each) && Object.hasOwn(each, 'run') ? job(each as JobInput<string>) : each)),
    pipelines,
    services: made(filled.services, (each) => service(each as ServiceInput<string>)),
    environments: made(filled.environments, (each) => environment(each as EnvironmentInput<string, string, string>)),
    ...(filled.secrets === undefined
      ? {}
      : { secrets: made(filled.secrets, (each) => grant(each as SecretGrantOf<string, string, string>)) }),
  } as Delivery;
  Object.defineProperty(delivery, mark, { value: true });
  return deepFreeze(delivery);
}

/** Every member as its builder makes it; a member that the builder made before stays as it is. */
const made = (members: unknown, make: (each: unknown) => unknown): unknown =>
  isRecord(members) ? Object.fromEntries(Object.entries(members).map(([name, each]) => [name, make(each)])) : members;

const namesOf = (record: unknown): readonly string[] => (isRecord(record) ? Object.keys(record) : []);

/** True for what `defineDelivery` made, by this copy of the package or another. */
export const isDelivery = (value: unknown): value is Delivery => isRecord(value) && Object.hasOwn(value, mark);
