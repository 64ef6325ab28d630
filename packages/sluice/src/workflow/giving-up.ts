import { isoTime, SluiceError, type WireError } from '#kernel';
import { committedAt, exposedAt, isTerminal, type RolloutState } from '#rollout';
import { decide } from './decide.ts';
import { isActive, type Deployment, type DeploymentState } from './deployment.ts';
import { cancelledEntry } from './deployment-entries.ts';
import type { DriverContext } from './driver-context.ts';
import type { RolloutRecord } from './rollout-record.ts';
import type { Setback } from './setback-record.ts';
import { MOST_TRIES, MOST_TRIES_TO_GIVE_UP } from './setback.ts';
import type { Tx } from './store.ts';

/**
 * What a setback leads to. `again`: after a pause. `give-up`: the rollout is told so, goes back if it can, and ends as `decide` says. `end`: the rows are ended as they are,
 * because nothing else has worked.
 */
export type AfterSetback = 'again' | 'give-up' | 'end';

/** Tries are bounded, each way of ending by its own number. A version that is live already is never taken back for a fault of ours. */
export function afterSetback({ kind, tries }: Setback, rollout: Pick<RolloutRecord, 'plan' | 'state'> | undefined): AfterSetback {
  if (kind === 'waits' || tries < MOST_TRIES) return 'again';
  if (rollout === undefined) return 'end';
  if (tries >= MOST_TRIES + MOST_TRIES_TO_GIVE_UP) return 'end';
  return isCommitted(rollout) ? 'again' : 'give-up';
}

const isCommitted = ({ plan, state }: Pick<RolloutRecord, 'plan' | 'state'>): boolean =>
  state.kind === 'retiring' || ((state.kind === 'running' || state.kind === 'reclaiming') && committedAt(plan, state.at));

/** Ends a deployment, and the rollout it may be, whatever the rows hold: it must not be possible to write a row that nobody can end. */
export async function endByForce(context: DriverContext, setback: Setback, thrown: unknown): Promise<void> {
  const { store, persist, signal } = context;
  const { deployment, rollout } = await persist(signal, async (tx) => ({
    deployment: await store.deployments.get(tx, setback.deployment),
    rollout: await store.rollouts.ofDeployment(tx, setback.deployment),
  }));
  if (deployment === undefined) return;
  const running = rollout !== undefined && !isTerminal(rollout.state) ? rollout : undefined;
  if (running !== undefined) await takeBack(context, running, setback.message);
  await persist(signal, async (tx) => {
    if (running !== undefined) await endRollout(context, tx, running, setback);
    if (isActive(deployment.state)) await endDeployment(context, tx, deployment, errorOf(setback, thrown));
    const facts = {
      actorRef: `controller:${context.executor}`,
      code: 'gave-up',
      outcome: 'failed',
      facts: { tries: setback.tries },
    } as const;
    await context.record.append(tx, [cancelledEntry(context, deployment.request, facts)]);
  });
}

/** What has traffic and is not live yet loses it, by the router alone (I2). */
async function takeBack({ environment }: DriverContext, rollout: RolloutRecord, message: string): Promise<void> {
  try {
    const { plan, state } = rollout;
    const exposed = state.kind === 'reverting' || ((state.kind === 'running' || state.kind === 'reclaiming') && exposedAt(plan, state.at));
    if (plan.stable === undefined || !exposed || isCommitted(rollout)) return;
    await environment(rollout.environment).router.revert(plan.service, { id: `${plan.deployment}-revert`, by: 'sluice', reason: message });
  } catch {
    // A row that cannot even be read this far: it is ended, and told to be stuck.
  }
}

async function endRollout({ store, executor }: DriverContext, tx: Tx, rollout: RolloutRecord, setback: Setback): Promise<void> {
  const problem = { kind: 'gave-up', tries: setback.tries, message: setback.message } as const;
  const state: RolloutState = { kind: 'stuck', why: { kind: 'problem', during: 'claim', problem }, during: 'claim' };
  await store.rollouts.update(tx, rollout, { state, owner: executor });
}

async function endDeployment({ store, clock, executor }: DriverContext, tx: Tx, deployment: Deployment, error: WireError): Promise<void> {
  const event = { type: 'failed', error, at: isoTime(clock.now()) } as const;
  let state: DeploymentState = { kind: 'failed', error, at: event.at };
  try {
    state = decide(deployment.state, event);
  } catch {
    // A state that `decide` does not know is ended all the same.
  }
  await store.deployments.update(tx, deployment, { state, owner: executor });
}

function errorOf({ tries, message }: Setback, thrown: unknown): WireError {
  const known = thrown instanceof SluiceError ? thrown : undefined;
  return {
    code: known?.code ?? 'internal',
    message: `gave up after ${tries} tries: ${message}`,
    details: { tries },
    hint: known?.hint ?? 'the log of `sluice serve` has every try; what it needs can be put right, then ask for it again',
  };
}
