import { assertNever, isoTime, ok, SluiceError, type Digest, type Result, milliseconds, own } from '#kernel';
import { approvalSubject, mayEnter } from '#release';
import { placeOf, ruleOf, standing, subjectOf } from './approvals.ts';
import { buildRelease } from './build.ts';
import { decide } from './decide.ts';
import type { Deployment } from './deployment.ts';
import type { TurnEnd } from './deployment.workflow.ts';
import { cancelledEntry, releaseEntry, requestedEntries, runEntries } from './deployment-entries.ts';
import { failure, type DeploymentContext, type Outcome } from './deployment-step.ts';
import { behindWalls } from './behind-walls.ts';
import type { Commit } from './ports.ts';
import { whenBack } from './persistence.ts';
import { releaseAgrees } from './record-agreement.ts';
import type { ReleaseRecord } from './records.ts';
import { differenceOf, whatServes } from './rollback.ts';
import { lastTakenBack, takenBackError } from './taken-back.ts';
import { slotTaken } from './taken-slot.ts';
import { mayComeFrom, mayHaveSecrets, trustOf } from './trusted-refs.ts';
import { waitUntilWell } from './wellness.ts';
import { sameService, sameSettings, settleRollout } from './rollout-start.ts';

/** How long a deployment waits for signatures before it lapses (I8). */
const APPROVAL_WITHIN_MS = 7 * 24 * 3_600_000; // a week: whoever is on holiday has a deputy

const turnEnds = { wait: 'parked', over: 'ended', again: 'more' } as const satisfies Record<string, TurnEnd>;

/** One turn of a deployment that is no rollout yet. The row is claimed by whoever writes it first; everybody else finds it stale. */
export async function deploymentTurn(context: DeploymentContext, read: Deployment): Promise<TurnEnd> {
  await context.trigger('loaded', read.state.kind, read.request.service);
  await context.trigger('before-effect', read.state.kind, read.request.service);
  const outcome = await advance(context, read).catch((error: unknown) => {
    // A row that was changed stays changed: the deployment ends, and says which.
    if (error instanceof SluiceError && error.code === 'verificationFailed') return failure(context, error, read);
    throw error;
  });
  await context.trigger('after-effect', read.state.kind, read.request.service);
  if (typeof outcome === 'string') return turnEnds[outcome];
  await context.trigger('before-outcome', read.state.kind, read.request.service);
  const next = decide(read.state, outcome.event);
  const stale = await context.persist(context.signal, async (tx) => {
    const written = await context.store.deployments.update(tx, read, { state: next, owner: context.executor });
    if (written === 'stale') return true;
    await outcome.also?.(tx);
    await context.record.append(tx, outcome.entries ?? []);
    return false;
  });
  await context.trigger('after-outcome', read.state.kind, read.request.service);
  if (stale) return 'more';
  return next.kind === 'waiting-approval' ? 'parked' : 'more';
}

/** What the state asks for. Effects here may be repeated: a checkout, a run and an archive are named by what they are of. */
async function advance(context: DeploymentContext, read: Deployment): Promise<Outcome | keyof typeof turnEnds> {
  const { state } = read;
  switch (state.kind) {
    case 'queued':
      return afterPredecessor(context, read, state.after);
    case 'requested':
      return resolve(context, read);
    case 'running':
      return runPipeline(context, read, state);
    case 'judged': {
      const { target } = context.environment(read.request.environment);
      const { artifacts, signal } = context;
      const folder = context.checkoutFolder(state.run);
      const built = await buildRelease({
        state,
        pipeline: read.request.pipeline,
        folder,
        artifacts,
        target,
        now: context.clock.now(),
        signal,
      });
      return built.ok ? released(context, read, built.value, { made: true }) : failure(context, built.error, read);
    }
    case 'released':
      return examine(context, read, state);
    case 'waiting-approval':
      return context.clock.now() - Date.parse(read.request.requestedAt) > APPROVAL_WITHIN_MS ? lapse(context, read) : 'wait';
    case 'approved':
      return startRollout(context, read, state);
    case 'rolling-out':
    case 'live':
    case 'skipped':
    case 'reverted':
    case 'failed':
    case 'cancelled':
      return 'over';
    default:
      return assertNever(state);
  }
}

async function afterPredecessor(context: DeploymentContext, read: Deployment, id: string): Promise<Outcome | 'wait'> {
  const before = await context.persist(context.signal, (tx) => context.store.deployments.get(tx, id));
  switch (before?.state.kind) {
    case 'live':
    case 'skipped':
      return { event: { type: 'predecessor-through' } };
    case 'failed':
    case 'reverted':
    case 'cancelled':
    case undefined: {
      const service = before?.request.service ?? id;
      const fact = `not begun: ${service}, which it needs, did not get through`;
      return failure(context, new SluiceError('conflict', fact, { hint: `sluice status ${service}` }), read);
    }
    default:
      return 'wait';
  }
}

async function resolve(context: DeploymentContext, read: Deployment): Promise<Outcome> {
  const { store, source, ids } = context;
  const { request } = read;
  const { wanted } = request;
  if (wanted.kind !== 'ref') {
    const release = await context.persist(context.signal, (tx) => store.releases.get(tx, wanted.release));
    if (release !== undefined) return released(context, read, release, { made: false });
    return failure(
      context,
      new SluiceError('notFound', `there is no release ${wanted.release}`, { hint: 'sluice status lists releases' }),
      read,
    );
  }
  const commit = await source.resolve(wanted.ref);
  if (!commit.ok) return failure(context, commit.error, read);
  const placed = await mayComeFrom(context, request, commit.value.sha);
  if (!placed.ok) return failure(context, placed.error, read);
  // Before anything of the commit is run: refused after its jobs, it would have had its chance.
  const allowed = await behindWalls(context, request, undefined);
  if (!allowed.ok) return failure(context, allowed.error, read);
  const known = await context.persist(context.signal, (tx) => store.releases.ofCommit(tx, commit.value.sha));
  const trust = await trustOf(context, commit.value.sha);
  if (!trust.ok) return failure(context, trust.error, read);
  const scope = trust.value.isProtected ? 'protected' : 'open';
  // What was made in the open scope may hold what another commit left in its cache: before it counts for a protected one it is made again.
  // One that was made without a sandbox is made again where there is one: what it left behind would have had its chance.
  const confined = known?.isolation !== 'none' || context.isolation === 'none';
  const counts = known?.pipeline === request.pipeline && (scope === 'open' || known.scope === 'protected') && confined;
  if (known !== undefined && counts) return released(context, read, known, { made: false });
  return { event: { type: 'run-started', commit: summary(commit.value), run: ids.next(), scope } };
}

const summary = ({ sha, subject, tags }: Commit): { readonly sha: string; readonly subject: string; readonly tags: readonly string[] } => ({
  sha,
  subject,
  tags,
});

async function runPipeline(
  context: DeploymentContext,
  read: Deployment,
  state: Extract<Deployment['state'], { readonly kind: 'running' }>,
): Promise<Outcome> {
  const { request } = read;
  const commit = await context.source.resolve(state.commit.sha);
  if (!commit.ok) return failure(context, commit.error, read);
  const folder = context.checkoutFolder(state.run);
  const there = await context.source.checkout(state.commit.sha, folder);
  if (!there.ok) return failure(context, there.error, read);
  const { run } = state;
  const refs = await context.source.refsOf(commit.value.sha);
  if (!refs.ok) return failure(context, refs.error, read);
  // As settled when the run began: a branch that was merged since changes nothing of what this run may leave behind.
  const trust = { refs: refs.value, isProtected: state.scope === 'protected' };
  const { protectedRefs } = context;
  const order = { run, commit: commit.value, folder, pipeline: request.pipeline, trust, protectedRefs };
  const outcome = await untilCancelled(context, read, (signal) => context.pipelines.run({ ...order, signal }));
  if (!outcome.ok) return failure(context, outcome.error, read);
  const entries = runEntries(context, request, { run, commit: state.commit.sha, outcome: outcome.value });
  if (outcome.value.verdict === 'pass') {
    const { verdicts, services, outputs = [], isolation } = outcome.value;
    const walls = isolation === undefined ? {} : { isolation };
    return { event: { type: 'run-passed', verdicts, services, outputs, ...walls }, entries };
  }
  const code = outcome.value.verdict === 'fail' ? 'gateFailed' : 'inconclusive';
  const refusal = failure(context, new SluiceError(code, outcome.value.because, { hint: `sluice report ${run}` }), read);
  return { ...refusal, entries: [...entries, ...(refusal.entries ?? [])] };
}

/** How often the row of a deployment whose pipeline runs is looked at. */
const CANCEL_LOOK_MS = 300;

/** Work that ends with the deployment: whoever cancels one that runs for an hour does not wait for it. */
async function untilCancelled<T>(context: DeploymentContext, read: Deployment, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { store, clock } = context;
  const ending = new AbortController();
  const done = new AbortController();
  const looking = (async () => {
    const signal = AbortSignal.any([context.signal, done.signal]);
    while (!signal.aborted) {
      await clock.sleep(CANCEL_LOOK_MS, signal).catch(() => undefined);
      const now = await store.transaction((tx) => store.deployments.get(tx, read.request.id)).catch(() => undefined);
      if (now !== undefined && now.version !== read.version && !signal.aborted)
        return ending.abort(new Error('the deployment was cancelled'));
    }
  })();
  try {
    return await work(AbortSignal.any([context.signal, ending.signal]));
  } finally {
    done.abort();
    await looking;
  }
}

/** A release is there: what was asked for can be named, and is recorded by its digest. */
async function released(
  context: DeploymentContext,
  read: Deployment,
  release: ReleaseRecord,
  { made }: { readonly made: boolean },
): Promise<Outcome> {
  const { store } = context;
  const { request } = read;
  const subject = await digestToSign(context, read, release);
  if (!subject.ok) return failure(context, subject.error, read);
  const live = await context.persist(context.signal, (tx) => store.live.now(tx, request.environment, request.service));
  const asked = requestedEntries(context, request, { release, subject: subject.value, live, delivery: context.delivery });
  const { digest, version, commit } = release;
  return {
    event: { type: 'release-ready', release: { digest, version, commit: commit.sha } },
    entries: made ? [releaseEntry(context, request, release), ...asked] : asked,
    also: (tx) => store.releases.insert(tx, release),
  };
}

/** Whether the commit may come here, and whether its service may have the secrets it names. */
async function isTrusted(
  context: DeploymentContext,
  request: Deployment['request'],
  asked: { readonly release: ReleaseRecord; readonly sha: string },
): Promise<Result<void, SluiceError>> {
  const placed = await mayComeFrom(context, request, asked.sha);
  return placed.ok ? mayHaveSecrets(context, request, asked) : placed;
}

/** May it enter, does it change anything, and who has to sign. */
async function examine(
  context: DeploymentContext,
  read: Deployment,
  state: Extract<Deployment['state'], { readonly kind: 'released' }>,
): Promise<Outcome> {
  const { request } = read;
  const release = await releaseOf(context, state.release.digest);
  const agrees = await whenBack(context.clock, context.signal, () => releaseAgrees(context, release));
  if (!agrees.ok) return failure(context, agrees.error, read);
  const place = placeOf(context.delivery, request);
  if (!place.ok) return failure(context, place.error, read);
  const trusted = await isTrusted(context, request, { release, sha: state.release.commit });
  if (!trusted.ok) return failure(context, trusted.error, read);
  const entered = await mayEnterNow(context, read, release);
  if (!entered.ok) return failure(context, entered.error, read);
  const takenBack = await context.persist(context.signal, (tx) =>
    lastTakenBack(context.store, tx, request, { release: release.digest, commit: release.commit.sha }),
  );
  if (takenBack !== undefined && request.again === undefined) {
    const ask = `sluice deploy ${request.service} ${release.version} -e ${request.environment}`;
    return failure(context, takenBackError(request, takenBack, ask), read);
  }
  const [here] = await liveIn(context, [request.environment], request.service, release);
  if (here?.release === release.digest && (await runsAsSet(context, read, release))) {
    // The rows say so; the router has the last word on what serves.
    const serving = await whatServes(context, request);
    if (serving.kind === 'differs') return failure(context, differenceOf(request, serving.because), read);
    return { event: { type: 'unchanged', because: `${request.service} in ${request.environment} runs exactly this already` } };
  }
  const allowed = goesBack(request) ? ok('confined') : await behindWalls(context, request, release);
  if (!allowed.ok) return failure(context, allowed.error, read);
  const subject = await digestToSign(context, read, release);
  if (!subject.ok) return failure(context, subject.error, read);
  const cleared: Outcome = { event: { type: 'cleared', subject: subject.value } };
  if (ruleOf(place.value.environment).functions.length === 0) return cleared;
  if (goesBack(request)) return cleared;
  const now = await standing({ ...context, now: context.clock.now() }, read, { release, subject: subject.value });
  if (now.state.kind === 'refused') return failure(context, now.state.error, read);
  const missing = now.state.kind === 'waiting' ? now.state.needs : [];
  return { event: { type: 'approval-needed', subject: subject.value, missing, at: isoTime(context.clock.now()) } };
}

/** Whether what is live was started with the settings that the environment has now: a limit that was changed there is a change like any other. */
async function runsAsSet(context: DeploymentContext, read: Deployment, release: ReleaseRecord): Promise<boolean> {
  const { delivery, persist, signal, store } = context;
  const { environment, service } = read.request;
  const { live, rollout } = await persist(signal, async (tx) => {
    const now = await store.live.now(tx, environment, service);
    return { live: now, rollout: now === undefined ? undefined : await store.rollouts.ofDeployment(tx, now.deployment) };
  });
  const { router } = context.environment(environment);
  const settled = await settleRollout({ delivery, deployment: read, release, version: release.version, live, router });
  // What cannot be settled is told where the rollout begins.
  return settled.ok && rollout !== undefined && sameSettings(rollout.order, settled.value.order);
}

/** What is live in these environments; a service that would run the very same there counts as this release. */
async function liveIn(
  { persist, signal, store }: DeploymentContext,
  environments: readonly string[],
  service: string,
  wanted: ReleaseRecord,
): Promise<readonly { readonly environment: string; readonly service: string; readonly release: ReleaseRecord['digest'] }[]> {
  return persist(signal, async (tx) => {
    const found: { environment: string; service: string; release: ReleaseRecord['digest'] }[] = [];
    for (const environment of environments) {
      const live = await store.live.now(tx, environment, service);
      if (live === undefined) continue;
      const same = sameService(await store.releases.get(tx, live.release), wanted, service);
      found.push({ environment, service, release: same ? wanted.digest : live.release });
    }
    return found;
  });
}

async function startRollout(
  context: DeploymentContext,
  read: Deployment,
  state: Extract<Deployment['state'], { readonly kind: 'approved' }>,
): Promise<Outcome | 'again'> {
  const { store, clock, ids } = context;
  const { request } = read;
  const held = await heldUp(context, read, state);
  if (held !== undefined) return held;
  const taken = await slotTaken(context, read, state.behind);
  if (taken !== undefined) return taken;
  const release = await releaseOf(context, state.release.digest);
  const agrees = await whenBack(context.clock, context.signal, () => releaseAgrees(context, release));
  if (!agrees.ok) return failure(context, agrees.error, read);
  const valid = await stillApproved(context, read, release, state.subject);
  if (!valid.ok) return failure(context, valid.error, read);
  const trusted = await isTrusted(context, request, { release, sha: state.release.commit });
  if (!trusted.ok) return failure(context, trusted.error, read);
  const allowed = goesBack(request) ? ok('confined') : await behindWalls(context, request, release);
  if (!allowed.ok) return failure(context, allowed.error, read);
  const live = await context.persist(context.signal, (tx) => store.live.now(tx, request.environment, request.service));
  const { router } = context.environment(request.environment);
  const { delivery } = context;
  const { version } = state.release;
  const settled = await settleRollout({ delivery, deployment: read, release, version, live, router });
  if (!settled.ok) return failure(context, settled.error, read);
  const id = ids.next();
  return {
    event: { type: 'rollout-started', rollout: id },
    also: (tx) =>
      store.rollouts.insert(tx, {
        id,
        deployment: request.id,
        environment: request.environment,
        owner: context.executor,
        version: 1,
        ...settled.value,
        state: { kind: 'queued' },
        startedAt: isoTime(clock.now()),
      }),
  };
}

/** Going back to what was live here before waits for no other environment. */
const goesBack = ({ wanted }: Deployment['request']): boolean => wanted.kind === 'rollback' && wanted.approvedBefore;

async function mayEnterNow(
  context: DeploymentContext,
  { request }: Deployment,
  release: ReleaseRecord,
): Promise<Result<void, SluiceError>> {
  const after = goesBack(request) ? [] : (own(context.delivery.environments, request.environment)?.after ?? []);
  return mayEnter({ ...request, release: release.digest, after }, await liveIn(context, after, request.service, release));
}

/** What came true when it was approved may be true no more: it is looked at again at the door. */
async function heldUp(
  context: DeploymentContext,
  read: Deployment,
  state: Extract<Deployment['state'], { readonly kind: 'approved' }>,
): Promise<Outcome | 'again' | undefined> {
  const { request } = read;
  const environment = own(context.delivery.environments, request.environment);
  if (environment === undefined || environment.after.length === 0 || goesBack(request)) return undefined;
  const release = await releaseOf(context, state.release.digest);
  const entered = await mayEnterNow(context, read, release);
  if (!entered.ok) return failure(context, entered.error, read);
  const { after, wellFor = milliseconds(0) } = environment;
  const well = await waitUntilWell(context, read, { after, wellFor, awaited: state.awaits });
  if (well !== 'too-late') return well;
  const fact = `${request.service} did not enter ${request.environment} in time: ${state.awaits ?? 'it was not well in what comes before'}`;
  return failure(context, new SluiceError('conflict', fact, { hint: `look at it there first: sluice status ${request.service}` }), read);
}

/** Between a signature and the first effect something may have changed, or a signature lapsed. */
async function stillApproved(
  context: DeploymentContext,
  read: Deployment,
  release: ReleaseRecord,
  approved: string,
): Promise<Result<void, SluiceError>> {
  const subject = await digestToSign(context, read, release);
  if (!subject.ok) return subject;
  const { request } = read;
  const again = `sluice deploy ${request.service} --environment ${request.environment}`;
  if (subject.value !== approved) {
    const fact = `${request.service}: what was approved is not what would be rolled out now: what is live in ${request.environment}, or its definition, has changed`;
    return { ok: false, error: new SluiceError('forbidden', fact, { hint: `ask again: ${again}` }) };
  }
  if (request.wanted.kind === 'rollback' && request.wanted.approvedBefore) return ok(undefined);
  const { state } = await standing({ ...context, now: context.clock.now() }, read, { release, subject: subject.value });
  if (state.kind === 'granted') return ok(undefined);
  if (state.kind === 'refused') return { ok: false, error: state.error };
  const fact = `${request.service}: approvals have lapsed or count no longer; still needed: ${state.needs.join(', ')}`;
  return { ok: false, error: new SluiceError('forbidden', fact, { hint: `ask again: ${again}` }) };
}

async function digestToSign(context: DeploymentContext, read: Deployment, release: ReleaseRecord): Promise<Result<Digest, SluiceError>> {
  const subject = await subjectOf(context, read, release);
  return subject.ok ? ok(approvalSubject(subject.value)) : subject;
}

async function releaseOf(context: DeploymentContext, digest: ReleaseRecord['digest']): Promise<ReleaseRecord> {
  const release = await context.persist(context.signal, (tx) => context.store.releases.get(tx, digest));
  if (release === undefined) throw new Error(`release ${digest} is gone from the store`);
  return release;
}

const lapse = (context: DeploymentContext, { request }: Deployment): Outcome => {
  const because = 'nobody approved it within a week';
  return {
    event: { type: 'cancelled', by: 'controller', because, at: isoTime(context.clock.now()) },
    entries: [
      cancelledEntry(context, request, { actorRef: `controller:${context.executor}`, code: 'approval-lapsed', outcome: 'cancelled' }),
    ],
  };
};
