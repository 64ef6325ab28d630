import { assertNever, isoTime } from '#kernel';
import {
  canHold,
  canPromote,
  canRevert,
  deadlineOf,
  decide as decideRollout,
  describeReason,
  isTerminal,
  keepsWarm,
  nextCommand,
  phaseAt,
  worthRepeating,
  type Decision,
  type Problem,
  type RolloutCommand,
  type RolloutEvent,
  type RolloutFact,
} from '#rollout';
import type { Attention } from './attention.ts';
import { decide as decideDeployment } from './decide.ts';
import type { Deployment, DeploymentEvent } from './deployment.ts';
import type { DriverContext } from './driver-context.ts';
import { whenBack } from './persistence.ts';
import { problemOfRollout } from './record-agreement.ts';
import { perform, type EffectContext } from './rollout-effects.ts';
import { entriesOf } from './rollout-entries.ts';
import type { RolloutRecord } from './rollout-record.ts';
import type { RolloutSession } from './rollout-session.ts';
import type { Tx } from './store.ts';
import { drain, stay, watch } from './watch-loop.ts';

/** The state a rollout waits in, by name: a new name begins a new deadline. */
const whereabouts = ({ plan, state }: Pick<RolloutRecord, 'plan' | 'state'>): string => {
  switch (state.kind) {
    case 'running':
      return phaseAt(plan, state.at).kind;
    case 'reverting':
      return `revert-${state.step.kind}`;
    default:
      return state.kind;
  }
};

const isHeld = ({ state }: Pick<RolloutRecord, 'state'>): boolean => state.kind === 'running' && state.held !== undefined;

const nameOf = ({ plan, environment }: RolloutRecord): string => plan.service.slice(environment.length + 1);

const position = ({ state }: RolloutRecord): string =>
  state.kind === 'running' ? `running ${state.at}` : state.kind === 'reverting' ? `reverting ${state.step.kind}` : state.kind;

/**
 * One turn: what the row orders, done and written down. Whoever takes over after any await finds a row that says what to do next; the state is the intent (I4).
 * A turn ends when the rollout is in another state, so that each is one durable step, and a condition that takes many looks is one too.
 */
export async function turn(context: DriverContext, session: RolloutSession): Promise<'more' | 'ended'> {
  const from = position(session.rollout);
  while (position(session.rollout) === from) {
    const { rollout } = session;
    if (isTerminal(rollout.state)) return 'ended';
    const during = whereabouts(rollout);
    await context.trigger('loaded', during, nameOf(rollout));
    const event = await nextEvent(context, session, during);
    await settle(context, session, event);
  }
  return isTerminal(session.rollout.state) ? 'ended' : 'more';
}

async function nextEvent(context: DriverContext, session: RolloutSession, during: string): Promise<RolloutEvent> {
  const { rollout } = session;
  if (session.givesUp !== undefined) {
    const problem = session.givesUp;
    delete session.givesUp;
    return { kind: 'step-failed', problem };
  }
  if (session.adopt) {
    session.adopt = false;
    return { kind: 'adopted' };
  }
  // Whatever would fail next, a person who wants it to end is heard first.
  const wish = heard(rollout, session.attention, context.clock.now());
  if (wish !== undefined) return wish;
  const command = nextCommand(rollout.plan, rollout.state);
  if (command === undefined && rollout.state.kind !== 'queued') {
    throw new Error(`rollout ${rollout.id}: nothing to do while ${rollout.state.kind}`);
  }
  if (command !== undefined && movesForward(command)) {
    const interruption = await untilRecorded(context, session);
    if (interruption !== undefined) return interruption;
  }
  if (command !== undefined && leadsForward(command)) {
    const disagrees = await whenBack(context.clock, session.attention.signal, () =>
      problemOfRollout(context, rollout, { service: nameOf(rollout), chain: session.attention.chainId }),
    );
    if (disagrees !== undefined)
      return { kind: 'step-failed', problem: { kind: 'attestation', message: `the database was changed: ${disagrees}` } };
  }
  await context.trigger('before-effect', during, nameOf(rollout));
  const event = command === undefined ? await begin(context, session) : await effect(context, session, command);
  await context.trigger('after-effect', during, nameOf(rollout));
  return event;
}

/** The router is asked where it stands before anything is claimed; its public port is opened by the same call. */
async function begin(context: DriverContext, { rollout, attention }: RolloutSession): Promise<RolloutEvent> {
  const { router } = context.environment(rollout.environment);
  for (;;) {
    attention.signal.throwIfAborted();
    const interruption = heard(rollout, attention, context.clock.now());
    if (interruption !== undefined) return interruption;
    const declared = await router.declare(rollout.plan.service, context.declarationOf(rollout));
    if (declared.ok) return { kind: 'started', epoch: declared.value.epoch };
    const problem: Problem = { kind: 'router', refusal: declared.error };
    // A router that is gone is started again by its agent; a port that another program holds is for a person.
    if (!worthRepeating(problem)) return { kind: 'step-failed', problem };
    await context.clock.sleep(100, attention.signal);
  }
}

async function effect(context: DriverContext, session: RolloutSession, command: RolloutCommand): Promise<RolloutEvent> {
  const { rollout, attention } = session;
  const limit = deadlineOf(rollout.plan, rollout.state);
  const effectContext: EffectContext = {
    ...context.environment(rollout.environment),
    rollout,
    clock: context.clock,
    signal: attention.signal,
    // Under a hold no deadline passes: a person waits, and the hold has an end of its own.
    late: () => limit !== undefined && !isHeld(rollout) && context.clock.monotonic() - session.enteredAt >= limit,
    asked: () => heard(rollout, attention, context.clock.now()),
  };
  if (command.kind === 'commit') return { kind: 'committed' };
  if (command.kind === 'stay') return stay(effectContext);
  // A router refuses a controller that slept by its epoch; a target knows no epoch, so the row is asked once more.
  if (command.kind === 'place' || command.kind === 'retire' || command.kind === 'preserve') await attention.confirm();
  if (command.kind !== 'watch' && command.kind !== 'drain') return perform(effectContext, command);
  const { state } = rollout;
  if (state.kind !== 'running' || (command.kind === 'drain' && command.watch === 'off')) {
    if (command.kind === 'watch') throw new Error(`rollout ${rollout.id}: a watch is ordered while ${state.kind}`);
    return drain(effectContext, command.slot);
  }
  const beside = command.kind === 'drain' ? ({ kind: 'drain', slot: command.slot } as const) : ({ kind: 'alone' } as const);
  session.watching = true;
  try {
    return await watch({ ...effectContext, keep: (progress) => attention.keep({ ...state, watch: progress }) }, state, beside);
  } finally {
    session.watching = false;
  }
}

/** What was asked, as far as it means something in this state: a wish stays in the row, and one that was followed or came too late is heard no more. */
function heard({ plan, state }: Pick<RolloutRecord, 'plan' | 'state'>, attention: Attention, now: number): RolloutEvent | undefined {
  const asked = attention.asked();
  const held = state.kind === 'running' ? state.held : undefined;
  switch (asked?.kind) {
    case 'make-room':
      return state.kind === 'running' && keepsWarm(plan, state) ? { kind: 'room-asked', by: asked.by } : undefined;
    case 'revert':
    case 'cancel':
      if (state.kind === 'reverting' || !canRevert(state)) return undefined;
      return { kind: asked.kind === 'revert' ? 'revert-asked' : 'cancel-asked', by: asked.by, reason: asked.reason };
    case 'hold': {
      const { id, by, reason, until } = asked;
      const hold = { id, by, reason, until };
      if (held?.id !== hold.id && canHold(plan, state) && Date.parse(hold.until) > now) return { kind: 'hold-asked', hold };
      break;
    }
    case 'resume':
      return held === undefined ? undefined : { kind: 'hold-ended' };
    case 'promote':
      if (canPromote(plan, state) && state.kind === 'running' && state.at === asked.at) return { kind: 'promote-asked', by: asked.by };
      break;
    case undefined:
      break;
    default:
      return assertNever(asked);
  }
  // A hold is a lease: it lapses by itself (I8).
  return held !== undefined && Date.parse(held.until) <= now ? { kind: 'hold-ended' } : undefined;
}

/** Effects that make a new version run or give it traffic: in a protected environment they wait until what allowed them is in the signed log. */
const movesForward = (command: RolloutCommand): boolean =>
  command.kind === 'place' || (command.kind === 'route' && command.revertTo !== undefined) || command.kind === 'take-epoch';

/** What comes before each forward effect: here what the database orders is compared with the record, while nothing is half done. */
const leadsForward = ({ kind }: RolloutCommand): boolean => kind === 'take-epoch' || kind === 'place' || kind === 'attest';

async function untilRecorded(context: DriverContext, { rollout, attention }: RolloutSession): Promise<RolloutEvent | undefined> {
  if (!context.isProtected(rollout.environment)) return undefined;
  const { store } = context;
  for (;;) {
    const pending = await context.persist(attention.signal, (tx) => store.entries.pendingOf(tx, attention.chainId));
    if (pending === 0) return undefined;
    // A record that stands still must not hold whoever wants to go back.
    const interruption = heard(rollout, attention, context.clock.now());
    if (interruption !== undefined) return interruption;
    await context.clock.sleep(5, attention.signal);
  }
}

/**
 * Stores what an event makes of the rollout: state, deployment and entries in one transaction (I7). When it makes a revert, the router is told before
 * anything is stored: no database stands between the decision and the traffic (I2). The same order is given again from the row, under the same id.
 */
async function settle(context: DriverContext, session: RolloutSession, event: RolloutEvent): Promise<void> {
  const { attention } = session;
  const before = session.rollout;
  const during = whereabouts(before);
  const decision = decideRollout(before.plan, before.state, event);
  const order = decision.commands.find((command) => command.kind === 'revert');
  if (order?.kind === 'revert' && before.state.kind !== 'reverting') {
    const { router } = context.environment(before.environment);
    const decidedAt = context.clock.now();
    const reverted = await router.revert(before.plan.service, { id: order.id, by: order.by, reason: order.reason });
    session.back = reverted.ok ? { decidedAt, safeAt: context.clock.now() } : { decidedAt };
  }
  await context.trigger('before-outcome', during, nameOf(before));
  const phaseMs = context.clock.monotonic() - session.enteredAt;
  const read = await attention.quiet();
  const stored = await context.persist(attention.signal, (tx) =>
    write(context, tx, { read, before, decision, phaseMs, back: session.back }),
  );
  const written = stored === 'stale' ? await attention.reread() : stored;
  attention.wrote(written);
  session.rollout = written;
  if (position(written) !== position(before) || isHeld(written) !== isHeld(before)) session.enteredAt = context.clock.monotonic();
  else if (event.kind !== 'watch-progressed') await context.clock.sleep(50, attention.signal);
  await context.trigger('after-outcome', during, nameOf(before));
}

type Change = {
  readonly read: RolloutRecord;
  readonly before: RolloutRecord;
  readonly decision: Decision;
  readonly phaseMs: number;
  readonly back: RolloutSession['back'];
};

async function write(context: DriverContext, tx: Tx, { read, before, decision, phaseMs, back }: Change): Promise<RolloutRecord | 'stale'> {
  const { store, record, executor, clock } = context;
  const written = await store.rollouts.update(tx, read, { state: decision.next, owner: executor });
  if (written === 'stale') return 'stale';
  const deployment = await store.deployments.get(tx, before.deployment);
  if (deployment === undefined) throw new Error(`rollout ${before.id}: its deployment ${before.deployment} is gone`);
  const { request } = deployment;
  const stable = before.plan.stable?.key;
  const previous = stable === undefined ? undefined : await store.live.of(tx, { ...request, deployment: stable });
  const entries = entriesOf(record, decision.facts, {
    rollout: before,
    deployment,
    before: before.state,
    executor,
    previousVersion: previous?.version,
    phaseMs,
    back,
    clock,
  });
  await record.append(tx, entries);
  for (const fact of decision.facts) await follow(context, tx, { rollout: before, deployment, fact });
  return written;
}

/** What a rollout's change means for its deployment and for what is live. */
async function follow(
  { store, clock }: DriverContext,
  tx: Tx,
  { rollout, deployment, fact }: { readonly rollout: RolloutRecord; readonly deployment: Deployment; readonly fact: RolloutFact },
): Promise<void> {
  const at = isoTime(clock.now());
  const { request } = deployment;
  const apply = async (event: DeploymentEvent): Promise<void> => {
    const current = await store.deployments.get(tx, request.id);
    if (current === undefined) return;
    const updated = await store.deployments.update(tx, current, { ...ownerOf(current), state: decideDeployment(current.state, event) });
    if (updated === 'stale') throw new Error(`deployment ${request.id} changed within a transaction`);
  };
  if (fact.kind === 'phase-ended' && fact.phase === 'commit') {
    const { plan } = rollout;
    await store.live.replace(tx, {
      environment: request.environment,
      service: request.service,
      release: plan.release,
      version: plan.version,
      deployment: request.id,
      slot: plan.candidate,
      since: at,
    });
    await apply({ type: 'rollout-committed', at });
  }
  // From the moment the traffic is back the old release is what is live; cleaning up after the new one comes later.
  if (fact.kind === 'reverted') await store.live.takeBack(tx, request.id, at);
  if (fact.kind !== 'ended' || fact.as === 'succeeded' || fact.why === undefined) return;
  const because = describeReason(fact.why);
  if (fact.as === 'reverted') {
    await apply({ type: 'rollout-reverted', because, at });
    return;
  }
  // A rollout that could not stop the old version leaves the new one live: that is for a person, and no failure of the deployment.
  if (deployment.state.kind === 'live') return;
  const hint = fact.as === 'stuck' ? 'look at `sluice status` and at the router: nothing is touched until a person has looked' : undefined;
  const error = {
    code: 'rolloutFailed' as const,
    message: because,
    details: { rollout: rollout.id },
    ...(hint === undefined ? {} : { hint }),
  };
  await apply({ type: 'failed', error, at });
}

const ownerOf = ({ owner }: Deployment): { readonly owner?: string } => (owner === undefined ? {} : { owner });
