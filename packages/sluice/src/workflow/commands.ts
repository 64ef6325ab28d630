import { keyDigestOf, type Person } from '#access';
import { own, err, isoTime, ok, SluiceError, type Digest, type Result } from '#kernel';
import { approvalSubject, countApprovals, judgeApproval, type Approval, type ApprovalSubject } from '#release';
import { canRevert } from '#rollout';
import type { Asker } from './asker.ts';
import { placeOf, standing, subjectOf } from './approvals.ts';
import { decide } from './decide.ts';
import { isActive, type Deployment, type DeploymentRequest, type Wanted } from './deployment.ts';
import type { DeploymentContext } from './deployment-step.ts';
import { approvedEntry, cancelledEntry, steeredEntry } from './deployment-entries.ts';
import { entryTime } from './record.ts';
import type { ReleaseRecord } from './records.ts';
import { inOrderOfAddresses, serviceKey } from './rollout-start.ts';
import { cancelRow } from './steering.ts';
import { lastTakenBack, takenBackError } from './taken-back.ts';

/** What is asked to be deployed. Several services go in the order in which they need each other. */
export type DeployOrder = {
  readonly services: readonly string[];
  readonly environment: string;
  readonly ref: string;
  readonly pipeline: string;
  /** Ends an older deployment of the same service that only waits, in the same moment. */
  readonly supersede?: boolean;
  /** Why a release that was taken back here is asked for all the same. */
  readonly again?: string;
};

type Asked<T> = Promise<Result<T, SluiceError>>;

/** Asks for deployments; refused when one of the services moves already (two at once would fight over its slots). */
export async function requestDeployments(context: DeploymentContext, order: DeployOrder, asker: Asker): Asked<readonly Deployment[]> {
  const { delivery } = context;
  if (order.services.length === 0) return err(new SluiceError('usage', 'no service was named', { hint: 'sluice deploy <service> <ref>' }));
  for (const service of order.services) {
    const place = placeOf(delivery, { environment: order.environment, service });
    if (!place.ok) return place;
  }
  const environment = own(delivery.environments, order.environment);
  const names =
    environment === undefined ? order.services : inOrderOfAddresses([...new Set(order.services)], delivery.services, environment);
  const { environment: name, pipeline, supersede = false, again } = order;
  const takenBack = again === undefined ? await takenBackBefore(context, names, order) : undefined;
  if (takenBack !== undefined) return err(takenBack);
  const wanted = { kind: 'ref', ref: order.ref } as const;
  return insertDeployments(
    context,
    names,
    { environment: name, pipeline, wanted, supersede, ...(again === undefined ? {} : { again }) },
    asker,
  );
}

/** Told at once where the commit can be looked up at once; the deployment looks again when it has its release. */
async function takenBackBefore(
  { source, store }: DeploymentContext,
  services: readonly string[],
  { environment, ref }: Pick<DeployOrder, 'environment' | 'ref'>,
): Promise<SluiceError | undefined> {
  const commit = await source.resolve(ref);
  if (!commit.ok) return undefined;
  for (const service of services) {
    const found = await store.transaction((tx) => lastTakenBack(store, tx, { environment, service }, { commit: commit.value.sha }));
    if (found !== undefined) return takenBackError({ environment, service }, found, `sluice deploy ${service} ${ref} -e ${environment}`);
  }
  return undefined;
}

/** Writes deployments that follow one another, or none of them. */
export async function insertDeployments(
  context: DeploymentContext,
  services: readonly string[],
  order: {
    readonly environment: string;
    readonly pipeline: string;
    readonly wanted: Wanted;
    readonly supersede: boolean;
    readonly again?: string;
  },
  asker: Asker,
): Asked<readonly Deployment[]> {
  const { store, ids, clock, executor } = context;
  const chainId = ids.next();
  const requestedAt = isoTime(clock.now());
  const { environment, pipeline, wanted, again } = order;
  let after: string | undefined;
  const deployments = services.map((service): Deployment => {
    const request: DeploymentRequest = {
      id: ids.next(),
      service,
      environment,
      wanted,
      pipeline,
      requestedAt,
      chainId,
      requestedBy: asker.actorRef,
      requestId: asker.requestId,
      ...(after === undefined ? {} : { after }),
      ...(again === undefined ? {} : { again: { reason: again } }),
    };
    const state: Deployment['state'] = after === undefined ? { kind: 'requested' } : { kind: 'queued', after };
    after = request.id;
    return { request, state, version: 1, owner: executor };
  });
  try {
    await store.transaction(async (tx) => {
      for (const deployment of deployments) {
        let inserted = await store.deployments.insert(tx, deployment);
        if (inserted.kind === 'conflict' && order.supersede && waits(inserted.with)) {
          const reason = `superseded by ${deployment.request.id}`;
          const cleared = await cancelRow(context, tx, inserted.with, { reason, asker, verb: 'supersede' });
          if (cleared !== 'stale') inserted = await store.deployments.insert(tx, deployment);
        }
        // Thrown, so that none of them is left behind.
        if (inserted.kind === 'conflict') throw conflictWith(inserted.with);
        if (again !== undefined) {
          await context.record.append(tx, [steeredEntry(context, deployment.request, { verb: 'again', reason: again, asker })]);
        }
      }
    });
    return ok(deployments);
  } catch (error) {
    if (error instanceof SluiceError) return err(error);
    throw error;
  }
}

/** Whether a deployment has moved nothing yet: to end it changes nothing that runs. */
const waits = ({ state }: Deployment): boolean => isActive(state) && state.kind !== 'rolling-out';

/** Says what is in the way, and how it is ended. No command that is named here moves production without saying so. */
function conflictWith({ request, state }: Deployment): SluiceError {
  const { id, service, environment } = request;
  const what = request.wanted.kind === 'ref' ? request.wanted.ref : 'a release';
  const release = 'release' in state ? `, ${state.release.version}` : '';
  const fact = `${service} in ${environment} is being deployed already: ${id} (${what}${release}) is ${state.kind}`;
  const at = `${service} -e ${environment}`;
  return new SluiceError('conflict', fact, {
    details: { deployment: id, state: state.kind },
    hint:
      state.kind === 'rolling-out'
        ? `wait for it (sluice watch ${at}), or end it: sluice abort ${at} takes its traffic back to the version before it`
        : `wait for it, end it (sluice cancel ${id} --reason "…"), or ask with --supersede to end it and take this instead`,
  });
}

/** What an approver looks at before signing. */
export type ApprovalView = {
  readonly deployment: Deployment;
  readonly subject: Digest;
  /** What the subject is the digest of: all that an approver is shown. */
  readonly bound: ApprovalSubject;
  readonly release: ReleaseRecord;
  readonly needs: readonly string[];
  readonly given: readonly { readonly person: string; readonly function: string }[];
  readonly refusals: readonly string[];
};

/** What is to be signed for a deployment that waits, and what is still missing. */
export async function approvalView(context: DeploymentContext, id: string): Asked<ApprovalView> {
  const found = await waiting(context, id);
  if (!found.ok) return found;
  const { deployment, release, bound, subject } = found.value;
  const { state } = await standing({ ...context, now: context.clock.now() }, deployment, { release, subject });
  if (state.kind === 'refused') return err(state.error);
  return ok({
    deployment,
    subject,
    bound,
    release,
    given: state.given,
    needs: state.kind === 'waiting' ? state.needs : [],
    refusals: state.refusals.map(({ line }) => line),
  });
}

/** A signature as it is handed in, for the deployment that it is handed in for. */
export type Signature = Omit<Approval, 'deployment'>;

/** Accepts a signature, or says why it does not count. The last one that is needed lets the rollout begin. */
export async function approve(context: DeploymentContext, id: string, given: Signature, requestId: string): Asked<ApprovalView> {
  const approval = { ...given, deployment: id };
  const found = await waiting(context, id);
  if (!found.ok) return found;
  const { deployment, release, subject } = found.value;
  const { store, record, clock } = context;
  const { question, approvals } = await standing({ ...context, now: clock.now() }, deployment, { release, subject });
  if (!question.authors.ok) return err(question.authors.error);
  // Whose signature has lapsed, or is of something else, may sign again.
  const { counted } = countApprovals(question, approvals, question.authors.value);
  const judged = judgeApproval(question, approval, question.authors.value, counted);
  const { request } = deployment;
  const person = question.people.find((known) => known.id === approval.person);
  const head = {
    requestId,
    chainId: request.chainId,
    env: request.environment,
    actorRef: person === undefined ? 'controller' : `person:${person.id}`,
    subject: {
      kind: 'deployment',
      id: request.id,
      digest: subject,
    },
  } as const;
  if (!judged.ok) {
    const reasons = [{ code: judged.error.code, facts: {} }];
    const body = { personRef: person?.id ?? null, subjectDigest: approval.subject };
    await store.transaction((tx) => record.append(tx, [record.entry('approval.refused', { ...head, outcome: 'refused', reasons, body })]));
    return err(new SluiceError('forbidden', judged.error.line, { details: { reason: judged.error.code } }));
  }
  const granted = record.entry('approval.granted', { ...head, body: grantedBody(judged.value, approval) });
  await store.transaction(async (tx) => {
    await store.approvals.put(tx, { ...approval, at: isoTime(clock.now()) });
    await record.append(tx, [granted]);
  });
  return settleApprovals(context, id);
}

const grantedBody = (person: Person, approval: Signature) => ({
  personRef: person.id,
  functions: person.functions,
  subjectDigest: approval.subject,
  keyDigest: keyDigestOf(person),
  signature: approval.signature,
  expiresAt: entryTime(approval.expiresAt),
});

/** Clears a deployment once enough was signed. Two last signatures at once clear it once: the row's version lets one of them win. */
async function settleApprovals(context: DeploymentContext, id: string): Asked<ApprovalView> {
  const { store, record, clock } = context;
  for (;;) {
    const view = await approvalView(context, id);
    if (!view.ok) return view;
    const { deployment, subject, needs } = view.value;
    const now = await standing({ ...context, now: clock.now() }, deployment, { release: view.value.release, subject });
    const event =
      now.state.kind === 'granted' ? ({ type: 'cleared', subject } as const) : ({ type: 'approval-given', missing: needs } as const);
    const written = await store.transaction(async (tx) => {
      const next = await store.deployments.update(tx, deployment, { state: decide(deployment.state, event) });
      if (next === 'stale' || now.state.kind !== 'granted') return next;
      await record.append(tx, [approvedEntry(context, deployment.request, { subject, given: now.state.given })]);
      return next;
    });
    if (written !== 'stale') return ok({ ...view.value, deployment: written });
    const current = await store.transaction((tx) => store.deployments.get(tx, id));
    if (current !== undefined && current.state.kind !== 'waiting-approval') return ok({ ...view.value, deployment: current });
  }
}

type Waiting = {
  readonly deployment: Deployment;
  readonly release: ReleaseRecord;
  readonly bound: ApprovalSubject;
  readonly subject: Digest;
};

async function waiting(context: DeploymentContext, id: string): Asked<Waiting> {
  const { store } = context;
  const { deployment, release } = await store.transaction(async (tx) => {
    const found = await store.deployments.get(tx, id);
    const digest = found?.state.kind === 'waiting-approval' ? found.state.release.digest : undefined;
    return { deployment: found, release: digest === undefined ? undefined : await store.releases.get(tx, digest) };
  });
  if (deployment === undefined) return err(new SluiceError('notFound', `there is no deployment ${id}`, { hint: 'sluice status' }));
  if (deployment.state.kind !== 'waiting-approval' || release === undefined) {
    return err(new SluiceError('conflict', `deployment ${id} does not wait for approval: it is ${deployment.state.kind}`));
  }
  const bound = await subjectOf(context, deployment, release);
  if (!bound.ok) return bound;
  const subject = approvalSubject(bound.value);
  if (subject !== deployment.state.subject) {
    const { environment } = deployment.request;
    const fact = `what is live in ${environment}, or its definition, has changed since ${id} was asked for, so it can no longer be approved`;
    return err(new SluiceError('conflict', fact, { hint: `end it (sluice cancel ${id} --reason "…") and deploy again` }));
  }
  return ok({ deployment, release, bound: bound.value, subject });
}

/** Where a revert went. */
export type RevertAnswer = { readonly by: 'router' | 'rollout' | 'cancelled'; readonly deployment?: string };

/**
 * Takes a service back. The router is asked first and alone decides (I2); only when it has nothing to go back to is a rollout that has not exposed
 * anything yet, or a deployment that has not begun, ended instead.
 */
export async function revert(
  context: DeploymentContext,
  place: { readonly environment: string; readonly service: string },
  why: { readonly by: string; readonly reason: string; readonly actorRef: string },
): Asked<RevertAnswer> {
  const key = serviceKey(place.environment, place.service);
  const known = placeOf(context.delivery, place);
  if (!known.ok) return known;
  const { router } = context.environment(place.environment);
  const reverted = await router.revert(key, { id: context.ids.next(), by: why.by, reason: why.reason });
  if (reverted.ok) return ok({ by: 'router' });
  if (reverted.error.kind === 'unreachable') {
    const fact = `the router of ${key} does not answer: ${reverted.error.message}`;
    return err(new SluiceError('unavailable', fact, { hint: 'its agent restarts it at once; try again' }));
  }
  const { store } = context;
  const rollout = await store.transaction(async (tx) => (await store.rollouts.active(tx)).find(({ plan }) => plan.service === key));
  // A rollout that is past its way back would never follow: then what waits behind it is all that can still be ended.
  if (rollout !== undefined && canRevert(rollout.state)) {
    await store.transaction((tx) => store.rollouts.ask(tx, rollout.id, { kind: 'revert', by: why.by, reason: why.reason }));
    return ok({ by: 'rollout', deployment: rollout.deployment });
  }
  const cancelled = await cancelWaiting(context, place, why);
  if (cancelled !== undefined) return ok({ by: 'cancelled', deployment: cancelled });
  const fact = `${place.service} in ${place.environment} has nothing to go back to: no other version of it is warm`;
  return err(new SluiceError('conflict', fact, { hint: `sluice rollback ${place.service} rolls out an earlier release` }));
}

async function cancelWaiting(
  { store, record, clock }: DeploymentContext,
  place: { readonly environment: string; readonly service: string },
  { by, reason, actorRef }: { readonly by: string; readonly reason: string; readonly actorRef: string },
): Promise<string | undefined> {
  return store.transaction(async (tx) => {
    const [active] = await store.deployments.list(tx, { ...place, active: true, limit: 1 });
    if (active === undefined || !isActive(active.state) || active.state.kind === 'rolling-out') return undefined;
    const state = decide(active.state, { type: 'cancelled', by, because: reason, at: isoTime(clock.now()) });
    if ((await store.deployments.update(tx, active, { state })) === 'stale') return undefined;
    await record.append(tx, [cancelledEntry({ record, executor: '' }, active.request, { actorRef, code: 'asked', outcome: 'cancelled' })]);
    return active.request.id;
  });
}
