import { isActorRef } from '#access';
import { digestOfJson, type Digest } from '#kernel';
import { isTerminal, type JournaledRevert, type Router } from '#rollout';
import type { DriverContext } from './driver-context.ts';
import { entryName, entryTime } from './record.ts';
import type { Tx } from './store.ts';

/** The gap between a revert and its entry is shown, not waited for; this is how long it lasts at most while all is well. */
const PULL_MS = 500;

/** A router under the name its journal is remembered by: two environments often share one. */
export type NamedRouter = { readonly name: string; readonly router: Router };

/** The routers behind environments, each once. */
export function distinctRouters(environments: readonly string[], of: (environment: string) => Router): readonly NamedRouter[] {
  const found: NamedRouter[] = [];
  for (const environment of environments) {
    const router = of(environment);
    if (!found.some((known) => known.router === router)) found.push({ name: `${router.kind}:${environment}`, router });
  }
  return found;
}

/** Brings journaled reverts into the ledger with their own time, for as long as the engine runs. Several engines may do so at once: the id makes each enter once. */
export async function pullReverts(context: DriverContext, routers: readonly NamedRouter[], warn: (message: string) => void): Promise<void> {
  while (!context.signal.aborted) {
    for (const named of routers) {
      await pullOnce(context, named).catch((error: unknown) => {
        if (!context.signal.aborted) warn(`reverts of ${named.name}: ${error instanceof Error ? error.message : String(error)}`);
      });
    }
    await context.clock.sleep(PULL_MS, context.signal).catch(() => undefined);
  }
}

/** One look at a router's journal; answers how many entered. */
async function pullOnce(context: DriverContext, { name, router }: NamedRouter): Promise<number> {
  const { store, persist, signal } = context;
  const last = await persist(signal, (tx) => store.reverts.lastOf(tx, name));
  const reverts = await router.revertsAfter(last);
  if (!reverts.ok) return 0;
  let entered = 0;
  for (const revert of reverts.value) {
    const isNew = await persist(signal, (tx) => enter(context, tx, { revert, name }));
    if (isNew) entered += 1;
  }
  return entered;
}

/**
 * Who took it back: the principal that the API named to the router, a controller by itself, or else whoever reached the router's socket, which only the owner of
 * the state folder can: the operator.
 */
function askedBy({ by }: JournaledRevert, executor: string): string {
  if (isActorRef(by)) return by;
  return by === 'sluice' ? `controller:${executor}` : 'operator';
}

async function enter(
  { store, record, executor, ids }: DriverContext,
  tx: Tx,
  { revert, name }: { readonly revert: JournaledRevert; readonly name: string },
): Promise<boolean> {
  const document = { ...revert };
  if (!(await store.reverts.insert(tx, { id: revert.id, router: name, service: revert.service, document }))) return false;
  const [environment = '', service = ''] = revert.service.split('/');
  const running = (await store.rollouts.active(tx)).find(({ plan, state }) => plan.service === revert.service && !isTerminal(state));
  const deployment = running === undefined ? undefined : await store.deployments.get(tx, running.deployment);
  const journalDigest: Digest = digestOfJson(document);
  await record.append(tx, [
    record.entry('revert.journaled', {
      actorRef: askedBy(revert, executor),
      subject: { kind: 'service', id: entryName(service), digest: null },
      env: entryName(environment),
      requestId: deployment?.request.requestId ?? ids.next(),
      chainId: deployment?.request.chainId ?? ids.next(),
      outcome: 'reverted',
      body: {
        slot: revert.to.blue > 0 ? 'blue' : 'green',
        epoch: revert.epoch,
        journalDigest,
        happenedAt: entryTime(Date.parse(revert.at)),
        deploymentId: running?.deployment ?? null,
      },
    }),
  ]);
  return true;
}
