import { assertNever, err, ok, SluiceError, type Digest, type Result } from '#kernel';
import { mayRollBackTo } from '#release';
import type { RouterObservation, Slot } from '#rollout';
import { placeOf } from './approvals.ts';
import type { Asker } from './asker.ts';
import { insertDeployments } from './commands.ts';
import type { Deployment } from './deployment.ts';
import type { DeploymentContext } from './deployment-step.ts';
import type { LiveRelease } from './records.ts';
import { serviceKey } from './rollout-start.ts';
import { lastTakenBack, takenBackError } from './taken-back.ts';

type Place = { readonly environment: string; readonly service: string };

/** An earlier release of a service: by version or digest, or the one that was live before. `again` is why one that was taken back shall come again. */
export type RollbackOrder = Place & { readonly to?: string; readonly again?: string };

/** What is live, as the rows have it and as the router shows it. The router has the last word on traffic. */
export type Serving =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'agreed'; readonly live: LiveRelease }
  /** The router could not be asked: what the rows say is all there is. */
  | { readonly kind: 'unseen'; readonly live: LiveRelease; readonly because: string }
  | { readonly kind: 'differs'; readonly live: LiveRelease; readonly because: string };

/** Compares what the rows call live with what the router serves. */
export function servingOf(
  live: LiveRelease | undefined,
  router: Result<RouterObservation, { readonly kind: string; readonly message?: string }>,
): Serving {
  if (live === undefined) return { kind: 'nothing' };
  if (!router.ok) return { kind: 'unseen', live, because: router.error.message ?? router.error.kind };
  const { weights, latch } = router.value;
  if (weights[live.slot] === 10_000) return { kind: 'agreed', live };
  const other: Slot = live.slot === 'blue' ? 'green' : 'blue';
  const why = latch === undefined ? '' : `, reverted by ${latch.by}: ${latch.reason}`;
  const because = `the record says that ${live.version} is live on ${live.slot}; the router gives it ${weights[live.slot] / 100} % and ${other} ${weights[other] / 100} %${why}`;
  return { kind: 'differs', live, because };
}

/** Asks both. */
export async function whatServes({ store, environment: portsOf }: DeploymentContext, place: Place): Promise<Serving> {
  const { router } = portsOf(place.environment);
  const [live, seen] = await Promise.all([
    store.transaction((tx) => store.live.now(tx, place.environment, place.service)),
    router.observe(serviceKey(place.environment, place.service)),
  ]);
  return servingOf(live, seen);
}

/** A difference between record and router, with what to do about it. */
export const differenceOf = ({ environment, service }: Place, because: string): SluiceError =>
  new SluiceError('conflict', `${service} in ${environment}: ${because}`, {
    hint: `a revert enters the record within seconds: look at sluice status ${service}, then ask again`,
  });

/** A new rollout to an earlier release: the one before the present one, or the one named by version or digest. */
export async function rollback(context: DeploymentContext, order: RollbackOrder, asker: Asker): Promise<Result<Deployment, SluiceError>> {
  const { store, delivery } = context;
  const { environment, service, to, again } = order;
  const place = placeOf(delivery, order);
  if (!place.ok) return place;
  const serving = await whatServes(context, order);
  const now = serving.kind === 'nothing' ? undefined : serving.live;
  const { history, releases } = await store.transaction(async (tx) => ({
    history: await store.live.history(tx, environment, service),
    releases: await store.releases.list(tx, 1_000),
  }));
  const wanted =
    to === undefined
      ? await previousOf(context, history, now)
      : (history.find((one) => one.version === to || one.release === to)?.release ??
        releases.find((one) => one.version === to || one.digest === to)?.digest);
  if (wanted === undefined) {
    const fact = to === undefined ? `${service} in ${environment} has no earlier release` : `there is no release "${to}" of ${service}`;
    const known = [...new Set(history.map(({ version }) => version))].join(', ');
    return err(new SluiceError('notFound', fact, { hint: `known here: ${known || 'none'}` }));
  }
  const there = refusalOfServing(serving, wanted, order);
  if (there !== undefined) return err(there);
  // What is live now comes first, whatever began last: after a revert that is an older one.
  const inOrder = now === undefined ? history : [now, ...history.filter((one) => one.deployment !== now.deployment)];
  const approvedBefore = mayRollBackTo(inOrder, { release: wanted, service, environment }).kind === 'allowed';
  const takenBack = await store.transaction((tx) => lastTakenBack(store, tx, order, { release: wanted }));
  if (takenBack !== undefined && again === undefined) {
    return err(takenBackError(order, takenBack, `sluice rollback ${service} ${takenBack.state.release.version} -e ${environment}`));
  }
  const inserted = await insertDeployments(
    context,
    [service],
    {
      environment,
      pipeline: 'default',
      wanted: { kind: 'rollback', release: wanted, approvedBefore },
      supersede: false,
      ...(again === undefined ? {} : { again }),
    },
    asker,
  );
  if (!inserted.ok) return inserted;
  const [deployment] = inserted.value;
  if (deployment === undefined) throw new Error('a rollback without a deployment');
  return ok(deployment);
}

/** The release that was live before the present one and was not itself taken back. */
async function previousOf(
  { store }: DeploymentContext,
  history: readonly LiveRelease[],
  now: LiveRelease | undefined,
): Promise<Digest | undefined> {
  const from = now === undefined ? 0 : history.findIndex((one) => one.deployment === now.deployment) + 1;
  for (const one of history.slice(from)) {
    if (one.release === now?.release) continue;
    const deployment = await store.transaction((tx) => store.deployments.get(tx, one.deployment));
    if (deployment?.state.kind !== 'reverted') return one.release;
  }
  return undefined;
}

/** Why there is nothing to roll back to what is wanted; "live already" is only said of what both the record and the router call live. */
function refusalOfServing(serving: Serving, wanted: Digest, place: Place): SluiceError | undefined {
  switch (serving.kind) {
    case 'nothing':
      return undefined;
    case 'agreed':
      if (serving.live.release !== wanted) return undefined;
      return new SluiceError('conflict', `${place.service} ${serving.live.version} is live in ${place.environment} already`, {
        hint: `sluice status ${place.service}`,
      });
    case 'unseen':
      if (serving.live.release !== wanted) return undefined;
      return new SluiceError(
        'conflict',
        `the record says that ${place.service} ${serving.live.version} is live in ${place.environment}; the router does not answer: ${serving.because}`,
        { hint: 'its agent restarts it at once; ask again' },
      );
    case 'differs':
      return differenceOf(place, serving.because);
    default:
      return assertNever(serving);
  }
}
