import { liesOn, secretRefusal, shortRefs, type Grant } from '#access';
import type { Delivery, Environment } from '#define';
import { err, ok, own, SluiceError, type Result } from '#kernel';
import { placeOf, ruleOf } from './approvals.ts';
import type { DeploymentContext } from './deployment-step.ts';
import type { CommitTrust, DeploymentRequest } from './deployment.ts';
import type { ReleaseRecord } from './records.ts';

type Context = Pick<DeploymentContext, 'delivery' | 'source' | 'protectedRefs'>;

/** The trust of a commit. */
export async function trustOf({ source, protectedRefs }: Context, sha: string): Promise<Result<CommitTrust, SluiceError>> {
  const refs = await source.refsOf(sha);
  return refs.ok ? ok({ refs: refs.value, isProtected: liesOn(refs.value, protectedRefs) }) : refs;
}

/** The refs whose commits may enter an environment; undefined for all. */
const refsFor = (environment: Environment, protectedRefs: readonly string[]): readonly string[] | undefined =>
  environment.refs ?? (ruleOf(environment).functions.length > 0 ? protectedRefs : undefined);

/**
 * Whether a commit may be deployed where it is asked for, by the refs that it lies on. A rollback to what was live here before asks nobody: its branch may be gone
 * for long.
 */
export async function mayComeFrom(context: Context, request: DeploymentRequest, sha: string): Promise<Result<void, SluiceError>> {
  if (request.wanted.kind === 'rollback' && request.wanted.approvedBefore) return ok(undefined);
  const place = placeOf(context.delivery, request);
  if (!place.ok) return place;
  const wanted = refsFor(place.value.environment, context.protectedRefs);
  if (wanted === undefined) return ok(undefined);
  const trust = await trustOf(context, sha);
  if (!trust.ok) return trust;
  if (liesOn(trust.value.refs, wanted)) return ok(undefined);
  const fact = `${request.environment} takes commits on ${shortRefs(wanted)} only; ${sha.slice(0, 7)} is on ${shortRefs(trust.value.refs)}`;
  const hint =
    wanted.length === 0
      ? 'the repository names no default branch: name protectedRefs in the definition that serve was started with'
      : 'merge it there first, then deploy it';
  return err(new SluiceError('forbidden', fact, { hint }));
}

/** The grants of a delivery by the names of secrets. */
export const grantsOf = (delivery: Pick<Delivery, 'secrets'>): ReadonlyMap<string, Grant> =>
  new Map(Object.entries(delivery.secrets ?? {}));

/** Whether a service may be given every secret that its definition, which came with the commit, names. `sha` is the commit that was asked for. */
export async function mayHaveSecrets(
  context: Context,
  request: DeploymentRequest,
  { release, sha }: { readonly release: ReleaseRecord; readonly sha: string },
): Promise<Result<void, SluiceError>> {
  const { service, environment, wanted } = request;
  const names = own(release.services, service)?.definition.secrets ?? [];
  if (names.length === 0) return ok(undefined);
  const trust = await trustOf(context, sha);
  if (!trust.ok) return trust;
  const { protectedRefs, delivery } = context;
  // What was live here before was trusted with them then; its branch may be gone for long.
  const refs = wanted.kind === 'rollback' && wanted.approvedBefore ? undefined : trust.value.refs;
  for (const name of names) {
    const refusal = secretRefusal(name, { kind: 'service', service, environment }, { grants: grantsOf(delivery), refs, protectedRefs });
    if (refusal !== undefined) return err(notGranted(refusal));
  }
  return ok(undefined);
}

/** A secret that is not given, with the way out. */
export const notGranted = (refusal: string): SluiceError =>
  new SluiceError('forbidden', refusal, { hint: 'grant it in the definition that sluice serve is started with, or do without it' });
