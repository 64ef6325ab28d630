import type { Delivery, Environment, Service, Variable } from '#define';
import { digestOfJson, err, ok, own, SluiceError, type Digest, type Json, type Result } from '#kernel';
import { planRollout, type RolloutPlan, type Router, type ServiceKey, type Slot, type SlotOrder } from '#rollout';
import { placeOf } from './approvals.ts';
import type { Deployment } from './deployment.ts';
import type { LiveRelease, ReleaseRecord } from './records.ts';

/** What is settled before a rollout starts. */
export type SettledRollout = { readonly plan: RolloutPlan; readonly order: SlotOrder; readonly settings: Json };

/** What a service is called by targets and routers. */
export const serviceKey = (environment: string, service: string): ServiceKey => `${environment}/${service}`;

/** Plans the rollout of a release: the slot that is free, the phases of the strategy, and the order for the target with every variable resolved. */
export async function settleRollout(facts: {
  readonly delivery: Delivery;
  readonly deployment: Deployment;
  readonly release: ReleaseRecord;
  readonly version: string;
  readonly live: Pick<LiveRelease, 'slot' | 'deployment'> | undefined;
  readonly router: Router;
}): Promise<Result<SettledRollout, SluiceError>> {
  const { delivery, deployment, release, version, live, router } = facts;
  const { request } = deployment;
  const place = placeOf(delivery, request);
  if (!place.ok) return place;
  const released = own(release.services, request.service);
  if (released === undefined) {
    return err(
      new SluiceError('notFound', `release ${version} has no service "${request.service}"`, { hint: 'the commit does not define it' }),
    );
  }
  const { definition, artifact, executable, archive } = released;
  const here = place.value.service;
  const variables = await resolveVariables({ ...definition.env, ...here.env }, { environment: request.environment, router });
  if (!variables.ok) return variables;
  const candidate: Slot = live?.slot === 'blue' ? 'green' : 'blue';
  const instances = here.instances ?? definition.instances;
  const service = serviceKey(request.environment, request.service);
  const plan = planRollout({
    deployment: request.id,
    service,
    release: release.digest,
    version,
    artifact,
    executable,
    candidate,
    instances,
    ...(live === undefined ? {} : { stable: { slot: live.slot, key: live.deployment } }),
    smoke: definition.smoke,
    // It was watched when it was live here before: going back does not wait for a sample that a quiet market never gives.
    policy: seenBefore(request) ? { ...here.strategy, minimumSample: 0 } : here.strategy,
  });
  const order: SlotOrder = {
    key: request.id,
    service,
    slot: candidate,
    version,
    artifact,
    archive,
    executable,
    instances,
    ...variables.value,
    start: definition.start,
    secrets: definition.secrets,
    health: definition.health,
    startWithin: definition.startWithin,
    stopWithin: definition.stopWithin,
    ...(here.limits === undefined ? {} : { limits: here.limits }),
  };
  const { strategy: _, ...settings } = here;
  return ok({ plan, order, settings });
}

const seenBefore = ({ wanted, again }: Deployment['request']): boolean =>
  wanted.kind === 'rollback' && wanted.approvedBefore && again === undefined;

type Resolved = { readonly env: Readonly<Record<string, string>>; readonly folders: Readonly<Record<string, string>> };

async function resolveVariables(
  variables: Readonly<Record<string, Variable>>,
  { environment, router }: { readonly environment: string; readonly router: Router },
): Promise<Result<Resolved, SluiceError>> {
  const env: Record<string, string> = {};
  const folders: Record<string, string> = {};
  for (const [name, value] of Object.entries(variables)) {
    if (typeof value === 'string') env[name] = value;
    else if (value.kind === 'limit') env[name] = String(value.value);
    else if (value.kind === 'folder') folders[name] = value.name;
    else {
      const seen = await router.observe(serviceKey(environment, value.service));
      if (!seen.ok && seen.error.kind === 'unreachable')
        throw new SluiceError('unavailable', `the router of ${environment} does not answer: ${seen.error.message}`, {
          hint: 'its agent restarts it at once',
        });
      if (!seen.ok) {
        const fact = `${name} is the address of "${value.service}", which has none in ${environment} yet`;
        return err(new SluiceError('conflict', fact, { hint: `deploy ${value.service} to ${environment} first` }));
      }
      env[name] = `${seen.value.listen.host}:${seen.value.listen.port}`;
    }
  }
  return ok({ env, folders });
}

/** Services in an order in which each comes after those whose address it is given. */
export function inOrderOfAddresses(
  names: readonly string[],
  definitions: Readonly<Record<string, Pick<Service, 'env'>>>,
  environment: Pick<Environment, 'services'>,
): readonly string[] {
  const placed: string[] = [];
  const visiting = new Set<string>();
  const visit = (name: string): void => {
    if (placed.includes(name) || visiting.has(name)) return;
    visiting.add(name);
    const variables = Object.values({ ...own(definitions, name)?.env, ...own(environment.services, name)?.env });
    for (const value of variables) {
      if (typeof value !== 'string' && value.kind === 'address-of' && names.includes(value.service)) visit(value.service);
    }
    placed.push(name);
  };
  for (const name of names) visit(name);
  return placed;
}

/** Whether two orders run a service the same way in its environment: as many instances, with the same variables and limits. */
export const sameSettings = (a: SlotOrder, b: SlotOrder): boolean => {
  const settings = ({ instances, env, folders, limits }: SlotOrder) =>
    digestOfJson({ instances, env, folders, ...(limits === undefined ? {} : { limits: { ...limits } }) });
  return settings(a) === settings(b);
};

/** Whether a service of a release runs exactly what another release of it would: then there is nothing to roll out. */
export const sameService = (a: ReleaseRecord | undefined, b: ReleaseRecord, service: string): boolean => {
  const [one, other] = [own(a?.services, service), own(b.services, service)];
  if (one === undefined || other === undefined) return false;
  const digests = (released: typeof one): readonly (Digest | string)[] => [
    released.artifact,
    released.executable,
    JSON.stringify(released.definition),
  ];
  return digests(one).every((digest, at) => digest === digests(other)[at]);
};
