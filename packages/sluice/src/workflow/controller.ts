import { isoTime, SluiceError } from '#kernel';
import { isTerminal, type Problem } from '#rollout';
import { attend, LostRollout } from './attention.ts';
import type { Deployment } from './deployment.ts';
import { isActive } from './deployment.ts';
import { deploymentTurn } from './deployment-driver.ts';
import type { DeploymentContext } from './deployment-step.ts';
import type { TurnEnd } from './deployment.workflow.ts';
import type { Durable } from './durable.ts';
import { afterSetback, endByForce } from './giving-up.ts';
import { guard } from './guard.ts';
import { turn as rolloutTurn } from './rollout-driver.ts';
import type { RolloutSession } from './rollout-session.ts';
import type { RolloutRecord } from './rollout-record.ts';
import { kindOfSetback, messageOf, MOST_TRIES, pauseAfter, placeOfSetback } from './setback.ts';
import type { Tx } from './store.ts';

/** How often the rows are compared with what is being driven: for work whose waking was lost in a crash. */
const RECONCILE_MS = 1_000;

/** Drives the deployments of one engine. */
export type Controller = {
  /** One turn of a deployment: what a durable step runs. Resolves never once the work belongs to somebody else, or the engine has stopped. */
  readonly turn: (deployment: string) => Promise<TurnEnd>;
  /** Begins to drive what nobody drives, until the signal aborts. */
  readonly reconcile: (durable: Durable) => Promise<void>;
  /** Drives a deployment now, if it is not being driven. */
  readonly wake: (durable: Durable, deployment: string) => Promise<void>;
  /** The story of a deployment cannot go on: a new one is begun when it is due. */
  readonly lost: (deployment: string) => void;
  /** Ends every session: another engine may have its rollouts already. */
  readonly dropAll: () => Promise<void>;
};

const never = new Promise<TurnEnd>(() => undefined);

/** A controller over the engine's context. */
export function controller(context: DeploymentContext, warn: (message: string) => void): Controller {
  const sessions = new Map<string, RolloutSession>();
  /** Deployments with a story of this process under way. */
  const driven = new Set<string>();
  const busy = new Set<string>();
  /** Rollouts that shall give up at their next turn. */
  const givingUp = new Map<string, Problem>();
  const { store, persist, signal, executor } = context;

  const end = async (deployment: string): Promise<void> => {
    const session = sessions.get(deployment);
    sessions.delete(deployment);
    await session?.attention[Symbol.asyncDispose]();
  };

  const oneTurn = async (id: string): Promise<TurnEnd | 'not-ours'> => {
    const deployment = await persist(signal, (tx) => store.deployments.get(tx, id));
    if (deployment === undefined) return 'ended';
    if (deployment.state.kind !== 'rolling-out' && deployment.state.kind !== 'live') {
      if (!isActive(deployment.state)) return finishRollout(deployment);
      if (!(await mayDrive(deployment.owner))) return 'not-ours';
      return deploymentTurn(context, deployment);
    }
    const session = sessions.get(id) ?? (await claim(deployment));
    if (session === 'over') return 'ended';
    if (session === undefined) return 'not-ours';
    sessions.set(id, session);
    const done = await rolloutTurn(context, session);
    if (done === 'ended') await end(id);
    return done;
  };

  /** A deployment that was reverted still has a slot to clean up: its rollout ends after it. */
  const finishRollout = async (deployment: Deployment): Promise<TurnEnd | 'not-ours'> => {
    const session = sessions.get(deployment.request.id) ?? (await claim(deployment));
    if (session === 'over') return 'ended';
    if (session === undefined) return 'not-ours';
    sessions.set(deployment.request.id, session);
    const done = await rolloutTurn(context, session);
    if (done === 'ended') await end(deployment.request.id);
    return done;
  };

  const mayDrive = async (owner: string | undefined): Promise<boolean> =>
    owner === undefined || owner === executor || !(await persist(signal, (tx) => store.leases.alive(tx, owner)));

  /** Makes a rollout ours: the row's version moves on, so that whoever drove it before finds every write of its own refused. */
  const claim = async (deployment: Deployment): Promise<RolloutSession | 'over' | undefined> => {
    const read = await persist(signal, (tx) => store.rollouts.ofDeployment(tx, deployment.request.id));
    if (read === undefined || isTerminal(read.state)) return 'over';
    if (!(await mayDrive(read.owner))) return undefined;
    const claimed = await persist(signal, (tx) => store.rollouts.update(tx, read, { state: read.state, owner: executor }));
    if (claimed === 'stale') return undefined;
    const attention = attend(context, claimed, deployment.request.chainId);
    const session: RolloutSession = {
      rollout: claimed,
      attention,
      enteredAt: context.clock.monotonic(),
      adopt: read.state.kind !== 'queued',
      watching: false,
    };
    const problem = givingUp.get(deployment.request.id);
    givingUp.delete(deployment.request.id);
    if (problem !== undefined) session.givesUp = problem;
    void guard(context, session).catch((error: unknown) =>
      warn(`guard of ${claimed.id}: ${error instanceof Error ? error.message : String(error)}`),
    );
    return session;
  };

  const turn = async (id: string): Promise<TurnEnd> => {
    // A recovered story and a reconciled one may both be of this deployment: one of them drives.
    if (busy.has(id)) return 'parked';
    busy.add(id);
    driven.add(id);
    try {
      const done = await oneTurn(id);
      if (done === 'more') return done;
      driven.delete(id);
      return done === 'not-ours' ? never : done;
    } catch (error) {
      await end(id);
      if (signal.aborted) return never;
      if (error instanceof LostRollout) {
        driven.delete(id);
        return never;
      }
      await setBack(id, error);
      return signal.aborted ? never : 'more';
    } finally {
      busy.delete(id);
    }
  };

  /** Counts a turn that failed, waits, and ends what has failed too often: nothing is retried for ever but what waits for something that will be back. */
  const setBack = async (id: string, error: unknown): Promise<void> => {
    const message = messageOf(error);
    const note = async (tx: Tx) => {
      const deployment = await store.deployments.get(tx, id);
      const rollout = await store.rollouts.ofDeployment(tx, id);
      const here = { deployment: id, place: placeOfSetback(deployment, rollout), kind: kindOfSetback(error), message };
      const setback = await store.setbacks.note(tx, { ...here, at: isoTime(context.clock.now()) });
      return { setback, rollout: rollout === undefined || isTerminal(rollout.state) ? undefined : rollout };
    };
    try {
      const { setback, rollout } = await persist(signal, note);
      const { kind, tries } = setback;
      if (kind === 'counts' || tries === 1) warn(`deployment ${id}: ${kind === 'counts' ? `try ${tries}: ` : 'waits: '}${message}`);
      const next = afterSetback(setback, rollout);
      if (next === 'end') await endByForce(context, setback, error);
      // While a version may have traffic nobody watches it between two turns: the pause stays short.
      else await context.clock.sleep(Math.min(pauseAfter(tries), rollout === undefined ? Infinity : pauseAfter(2)), signal);
      if (next === 'give-up') givingUp.set(id, { kind: 'gave-up', tries, message });
    } catch (worse) {
      if (signal.aborted) return;
      warn(`deployment ${id}: ${message}; and it could not be written down: ${messageOf(worse)}`);
      await context.clock.sleep(pauseAfter(MOST_TRIES), signal).catch(() => undefined);
    }
  };

  const wake = async (durable: Durable, id: string): Promise<void> => {
    if (driven.has(id)) return;
    driven.add(id);
    await durable.start(id, context.ids.next()).catch((error: unknown) => {
      driven.delete(id);
      throw error;
    });
  };

  return {
    turn,
    wake,
    reconcile: async (durable) => {
      while (!signal.aborted) {
        const waiting = await store.transaction(undriven).catch(warnUnlessAway);
        for (const id of waiting ?? []) await wake(durable, id).catch(warnUnlessAway);
        await context.clock.sleep(RECONCILE_MS, signal).catch(() => undefined);
      }
    },
    lost: (id) => {
      driven.delete(id);
    },
    dropAll: async () => {
      await Promise.all([...sessions.keys()].map(end));
      driven.clear();
    },
  };

  async function undriven(tx: Parameters<Parameters<typeof store.transaction>[0]>[0]): Promise<readonly string[]> {
    const deployments = await store.deployments.list(tx, { active: true, limit: 10_000 });
    const rollouts = await store.rollouts.active(tx);
    const ofOthers = new Set((await store.leases.list(tx)).map((lease) => lease.executor).filter((other) => other !== executor));
    const free = ({ owner }: { readonly owner?: string }): boolean => owner === undefined || !ofOthers.has(owner);
    const wanted = [
      ...deployments.filter((one) => free(one) && one.state.kind !== 'rolling-out').map(({ request }) => request.id),
      ...rollouts.filter(free).map((one: RolloutRecord) => one.deployment),
    ];
    const due: string[] = [];
    for (const id of wanted) if (!driven.has(id) && (await isDue(tx, deployments, id))) due.push(id);
    return due;
  }

  /** Whoever waits for a person is left alone; whoever waits for a predecessor is looked at again. */
  async function isDue(tx: Parameters<typeof undriven>[0], deployments: readonly Deployment[], id: string): Promise<boolean> {
    const { state, request } = deployments.find((one) => one.request.id === id) ?? {};
    if (state?.kind === 'waiting-approval') {
      return context.clock.now() - Date.parse(request?.requestedAt ?? '') > 7 * 24 * 3_600_000;
    }
    if (state?.kind !== 'queued') return true;
    const before = await store.deployments.get(tx, state.after);
    return before === undefined || !isActive(before.state);
  }

  function warnUnlessAway(error: unknown): undefined {
    if (!(error instanceof SluiceError && error.code === 'unavailable')) warn(error instanceof Error ? error.message : String(error));
  }
}
