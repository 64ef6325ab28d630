import { err, isoTime, ok, SluiceError, type Duration, type Result } from '#kernel';
import type { PendingEntry } from '#ledger';
import { answersOf, canHold, canPromote, canRevert, committedAt, exposedAt, isTerminal, phaseAt } from '#rollout';
import { placeOf, ruleOf } from './approvals.ts';
import type { Asker } from './asker.ts';
import { decide } from './decide.ts';
import { isActive, type Deployment } from './deployment.ts';
import { cancelledEntry, steeredEntry, type SteeringVerb } from './deployment-entries.ts';
import type { DeploymentContext } from './deployment-step.ts';
import type { RolloutRecord } from './rollout-record.ts';
import { serviceKey } from './rollout-start.ts';
import type { Tx } from './store.ts';

/** A service in an environment. */
export type Place = { readonly environment: string; readonly service: string };

/** Which deployment is meant: by its id, or the one of a service that moves. */
export type CancelTarget = { readonly deployment: string } | Place;

type Asked<T> = Promise<Result<T, SluiceError>>;

/** A hold that nobody ends ends itself after so long at most: then the evidence decides again. */
const longestHold = 24 * 3_600_000; // a day: whoever forgot it is awake again

/**
 * Ends a deployment that waits, runs or is stuck, before it has moved any traffic; production stays as it is. One that has traffic is refused: taking that away is
 * another decision, with a command of its own.
 */
export async function cancel(context: DeploymentContext, target: CancelTarget, reason: string, asker: Asker): Asked<Deployment> {
  const { store } = context;
  const said = requireReason(reason, 'cancel');
  if (!said.ok) return said;
  for (;;) {
    const found = await store.transaction((tx) => meant(context, tx, target));
    if (!found.ok) return found;
    const { deployment, rollout } = found.value;
    if (!isActive(deployment.state)) return err(overAlready(deployment));
    const answer = await store.transaction(async (tx): Promise<Result<Deployment, SluiceError> | 'stale'> => {
      if (deployment.state.kind !== 'rolling-out') return cancelRow(context, tx, deployment, { reason, asker, verb: 'cancel' });
      if (rollout === undefined || hasTraffic(rollout)) return err(hasTrafficAlready(deployment));
      await store.rollouts.ask(tx, rollout.id, { kind: 'cancel', by: asker.actorRef, reason });
      await context.record.append(tx, [steeredEntry(context, deployment.request, { verb: 'cancel', reason, asker })]);
      return ok(deployment);
    });
    if (answer !== 'stale') return answer;
  }
}

/** Ends the row of a deployment that is no rollout yet; with it goes who wanted that, and a digest of why. */
export async function cancelRow(
  { store, record, clock, executor }: Pick<DeploymentContext, 'store' | 'record' | 'clock' | 'executor'>,
  tx: Tx,
  deployment: Deployment,
  why: { readonly reason: string; readonly asker: Asker; readonly verb: SteeringVerb },
): Promise<Result<Deployment, SluiceError> | 'stale'> {
  const { reason, asker, verb } = why;
  const state = decide(deployment.state, { type: 'cancelled', by: asker.actorRef, because: reason, at: isoTime(clock.now()) });
  const written = await store.deployments.update(tx, deployment, { state });
  if (written === 'stale') return 'stale';
  const writer = { record, executor };
  const end: PendingEntry = cancelledEntry(writer, deployment.request, {
    actorRef: asker.actorRef,
    code: verb === 'supersede' ? 'superseded' : 'asked',
    outcome: 'cancelled',
  });
  await record.append(tx, [steeredEntry(writer, deployment.request, why), end]);
  return ok(written);
}

/** What a person can tell a rollout to do, apart from going back. */
export type Steering =
  | { readonly verb: 'promote' | 'resume' | 'abort'; readonly reason: string }
  | { readonly verb: 'hold'; readonly reason: string; readonly for: Duration };

/** Tells the rollout of a service to go on, to stay, to be judged again, or to end. Who and why are recorded with the wish; what came of it follows from the rollout itself. */
export async function steer(context: DeploymentContext, place: Place, steering: Steering, asker: Asker): Asked<Deployment> {
  const { store, record, ids, clock } = context;
  const { verb, reason } = steering;
  const known = placeOf(context.delivery, place);
  if (!known.ok) return known;
  const said = requireReason(reason, verb);
  if (!said.ok) return said;
  if (verb === 'promote' && asker.actorRef.startsWith('machine:'))
    return err(
      new SluiceError('forbidden', 'going on with less evidence than was declared is for a person to decide, never for a machine', {
        hint: 'ask with an identity of your own: sluice identity',
      }),
    );
  return store.transaction(async (tx) => {
    const key = serviceKey(place.environment, place.service);
    const rollout = (await store.rollouts.active(tx)).find(({ plan }) => plan.service === key);
    if (rollout === undefined) return err(nothingMoves(place, verb));
    const deployment = await store.deployments.get(tx, rollout.deployment);
    if (deployment === undefined) return err(nothingMoves(place, verb));
    const asks = ruleOf(known.value.environment).functions.length > 0 ? 'asks-for-approvals' : 'asks-nobody';
    const refused = refusalOf(rollout, steering, { place, asks });
    if (refused !== undefined) return err(refused);
    const by = asker.actorRef;
    switch (steering.verb) {
      case 'promote':
        await store.rollouts.ask(tx, rollout.id, { kind: 'promote', by, reason, at: 'at' in rollout.state ? rollout.state.at : 0 });
        break;
      case 'hold': {
        const until = isoTime(clock.now() + Math.min(steering.for, longestHold));
        await store.rollouts.ask(tx, rollout.id, { kind: 'hold', id: ids.next(), by, reason, until });
        break;
      }
      case 'resume':
        await store.rollouts.ask(tx, rollout.id, { kind: 'resume', by, reason });
        break;
      case 'abort':
        await store.rollouts.ask(tx, rollout.id, { kind: 'cancel', by, reason });
        break;
    }
    await record.append(tx, [steeredEntry(context, deployment.request, { verb, reason, asker })]);
    return ok(deployment);
  });
}

type Around = { readonly place: Place; readonly asks: 'asks-for-approvals' | 'asks-nobody' };

function refusalOf(rollout: RolloutRecord, { verb }: Steering, { place, asks }: Around): SluiceError | undefined {
  const { plan, state } = rollout;
  const { service, environment } = place;
  const where = state.kind === 'running' ? phaseAt(plan, state.at).kind : state.kind;
  const committed = ('at' in state && committedAt(plan, state.at)) || state.kind === 'retiring';
  const at = `${service} in ${environment}: ${plan.version}`;
  switch (verb) {
    case 'promote':
      if (!canPromote(plan, state)) {
        const fact = committed
          ? `${at} is live already (${where}): there is no step left`
          : `${at} is not being watched (${where}): there is nothing to be decided yet`;
        return new SluiceError('conflict', fact, { hint: `sluice status ${service} shows where it stands` });
      }
      if (asks === 'asks-nobody') return undefined;
      return new SluiceError(
        'forbidden',
        `${at} was approved with the evidence that its strategy asks for (${lackOf(rollout)}); nobody can go on without it in ${environment}`,
        {
          hint: 'wait for it, declare probes or a smaller minimumSample in the strategy and have that approved, or end it: sluice abort',
        },
      );
    case 'hold':
      if (canHold(plan, state)) return undefined;
      return new SluiceError(
        'conflict',
        committed
          ? `${at} is live already (${where}): nothing can be held back any more`
          : `${at} is ${where}: there is nothing to hold yet`,
        {
          hint: `sluice status ${service} shows where it stands`,
        },
      );
    case 'resume':
      if (state.kind === 'running' && state.held !== undefined) return undefined;
      return new SluiceError('conflict', `${at} is not held (${where})`, { hint: `sluice status ${service} shows where it stands` });
    case 'abort':
      if (committed)
        return new SluiceError('conflict', `${at} is live already (${where}): there is no rollout to abort`, {
          hint: `taking a live version back moves production, and has commands of its own: sluice revert, sluice rollback`,
        });
      if (canRevert(state)) return undefined;
      return new SluiceError('conflict', `${at} is ${where} already`, { hint: `sluice status ${service} shows where it stands` });
  }
}

/** What a watch still lacks, for whoever wants to go on without it. */
function lackOf({ plan, state }: RolloutRecord): string {
  if (state.kind !== 'running') return 'nothing was watched yet';
  const phase = phaseAt(plan, state.at);
  const seconds = (ms: number): string => `${Math.floor(ms / 1_000)}s`;
  const watched = phase.kind === 'watch' ? `, ${seconds(state.watch.watchedMs)} of ${seconds(phase.for)}` : '';
  return `${answersOf(state.watch, plan.candidate)} of ${plan.policy.minimumSample} answers${watched}`;
}

type Meant = { readonly deployment: Deployment; readonly rollout?: RolloutRecord };

async function meant({ store, delivery }: DeploymentContext, tx: Tx, target: CancelTarget): Asked<Meant> {
  if ('deployment' in target) {
    const deployment = await store.deployments.get(tx, target.deployment);
    if (deployment === undefined)
      return err(
        new SluiceError('notFound', `there is no deployment ${target.deployment}`, {
          hint: 'sluice status shows what waits and what moves',
        }),
      );
    return ok(await withRollout(store, tx, deployment));
  }
  const place = placeOf(delivery, target);
  if (!place.ok) return place;
  const [active] = await store.deployments.list(tx, { ...target, active: true, limit: 1 });
  if (active === undefined) return err(nothingMoves(target, 'cancel'));
  return ok(await withRollout(store, tx, active));
}

async function withRollout(store: DeploymentContext['store'], tx: Tx, deployment: Deployment): Promise<Meant> {
  const rollout = await store.rollouts.ofDeployment(tx, deployment.request.id);
  return rollout === undefined ? { deployment } : { deployment, rollout };
}

/** Whether the new version may have got traffic: then ending it moves production. */
const hasTraffic = ({ plan, state }: RolloutRecord): boolean =>
  state.kind === 'running' || state.kind === 'reclaiming'
    ? exposedAt(plan, state.at)
    : !isTerminal(state) && state.kind !== 'queued' && state.kind !== 'claiming';

function requireReason(reason: string, verb: string): Result<void, SluiceError> {
  if (reason.trim() !== '') return ok(undefined);
  return err(
    new SluiceError('usage', `${verb} needs a reason: it is recorded with who asked`, { hint: `sluice ${verb} … --reason "<why>"` }),
  );
}

const overAlready = ({ request, state }: Deployment): SluiceError =>
  new SluiceError('conflict', `deployment ${request.id} of ${request.service} has ended already: it is ${state.kind}`, {
    hint: `sluice status ${request.service}`,
  });

const hasTrafficAlready = ({ request: { id, service, environment } }: Deployment): SluiceError =>
  new SluiceError('conflict', `deployment ${id} has traffic already: cancelling it would move production`, {
    details: { deployment: id },
    hint: `sluice hold ${service} -e ${environment} keeps it where it is; sluice abort ${service} -e ${environment} takes its traffic back to the old version and ends it`,
  });

const nothingMoves = ({ environment, service }: Place, verb: SteeringVerb): SluiceError =>
  new SluiceError('conflict', `nothing of ${service} in ${environment} waits or moves: there is nothing to ${verb}`, {
    hint: `sluice status ${service}`,
  });
