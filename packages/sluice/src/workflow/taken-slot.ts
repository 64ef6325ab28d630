import { SluiceError } from '#kernel';
import { describeReason, keepsWarm } from '#rollout';
import type { Deployment, DeploymentEvent, Predecessor } from './deployment.ts';
import { failure, type DeploymentContext, type Outcome } from './deployment-step.ts';
import type { RolloutRecord } from './rollout-record.ts';
import { serviceKey } from './rollout-start.ts';
import type { Tx } from './store.ts';

/** How often a cleared deployment looks whether the slot is free. */
const SLOT_LOOK_MS = 100;

/**
 * The rollout before this one may still hold the slot. What is waited for stands in the row, so that people see it, and one that only keeps its old version
 * warm is asked in the same transaction to let it go. Undefined once the slot is free.
 */
export async function slotTaken(
  context: DeploymentContext,
  read: Deployment,
  behind: Predecessor | undefined,
): Promise<Outcome | 'again' | undefined> {
  const { store, clock, signal } = context;
  const { request } = read;
  for (;;) {
    const { holder, known, current } = await context.persist(signal, async (tx) => ({
      holder: await holderOf(context, tx, request),
      known: behind === undefined ? undefined : await store.rollouts.get(tx, behind.rollout),
      current: await store.deployments.get(tx, request.id),
    }));
    // Somebody cancelled it meanwhile, or drives it elsewhere.
    if (current?.version !== read.version) return 'again';
    if (known?.state.kind === 'stuck')
      return failure(context, stuckBefore(request, known.plan.version, describeReason(known.state.why)), read);
    if (holder === undefined) return undefined;
    if (holder.id !== behind?.rollout) {
      const { id, plan, state } = holder;
      const old = keepsWarm(plan, state) ? await versionOf(context, request, plan.stable?.key) : undefined;
      const event: DeploymentEvent = {
        type: 'slot-taken',
        behind: { rollout: id, version: plan.version, ...(old === undefined ? {} : { keepsWarm: old }) },
      };
      if (!keepsWarm(plan, state)) return { event };
      return { event, also: (tx) => store.rollouts.ask(tx, id, { kind: 'make-room', by: request.id }) };
    }
    await clock.sleep(SLOT_LOOK_MS, signal);
  }
}

async function holderOf(
  { store }: DeploymentContext,
  tx: Tx,
  { id, environment, service }: Deployment['request'],
): Promise<RolloutRecord | undefined> {
  const key = serviceKey(environment, service);
  return (await store.rollouts.active(tx)).find(({ plan, deployment }) => plan.service === key && deployment !== id);
}

function stuckBefore({ service, environment }: Deployment['request'], version: string, why: string): SluiceError {
  const fact = `${service} in ${environment} cannot go in: the rollout of ${version} before it is stuck: ${why}`;
  return new SluiceError('conflict', fact, {
    hint: `look at \`sluice status\` and at what runs in its slots, then deploy ${service} again`,
  });
}

async function versionOf(
  { persist, signal, store }: DeploymentContext,
  { environment, service }: Deployment['request'],
  deployment: string | undefined,
): Promise<string | undefined> {
  if (deployment === undefined) return undefined;
  return (await persist(signal, (tx) => store.live.of(tx, { environment, service, deployment })))?.version;
}
