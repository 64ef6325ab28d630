import { formatDuration, isoTime, minutes, type Duration } from '#kernel';
import { describeExit, type RouterObservation, type SlotStatus } from '#rollout';
import type { Deployment } from './deployment.ts';
import type { DeploymentContext, Outcome } from './deployment-step.ts';
import type { LiveRelease } from './records.ts';
import { serviceKey } from './rollout-start.ts';

/** What is seen of a service where it has to be well first; `silent` is what could not be looked at. */
export type SeenElsewhere = {
  readonly live: LiveRelease;
  /** How many instances its rollout started. */
  readonly instances: number;
  readonly router: { readonly kind: 'seen'; readonly seen: RouterObservation } | { readonly kind: 'silent'; readonly because: string };
  readonly slot: { readonly kind: 'seen'; readonly seen: SlotStatus } | { readonly kind: 'silent'; readonly because: string };
};

/** A version that crashed within this time is not well, however healthy it looks between two crashes. */
const noCrashWithin = minutes(1);

/** Why a live release does not count as well, now and for as long as is asked; undefined when it does. What cannot be looked at is not well (I1). */
export function whyNotWell({ live, instances, router, slot }: SeenElsewhere, wellFor: Duration, now: number): string | undefined {
  if (router.kind === 'silent') return `its router does not answer: ${router.because}`;
  if (slot.kind === 'silent') return `its instances cannot be seen: ${slot.because}`;
  const share = router.seen.weights[live.slot];
  if (share !== 10_000) return `it is said to be live, and its router gives it ${share / 100} % of the traffic`;
  if (slot.seen.key !== live.deployment) return 'its slot holds another deployment';
  const healthy = slot.seen.instances.filter((one) => one.state === 'healthy').length;
  if (healthy < instances) {
    const sick = slot.seen.instances.find((one) => one.state !== 'healthy');
    const why = sick?.lastExit === undefined ? '' : `, its process ended with ${describeExit(sick.lastExit.how)}`;
    return `${healthy} of ${instances} instances are healthy${sick === undefined ? '' : `: ${sick.name} is ${sick.state}${why}`}`;
  }
  const liveSince = Date.parse(live.since);
  const crash = slot.seen.instances
    .flatMap(({ name, lastExit }) => (lastExit === undefined || lastExit.at < liveSince ? [] : [{ name, ...lastExit }]))
    .toSorted((a, b) => b.at - a.at)[0];
  const quiet = Math.max(wellFor, noCrashWithin);
  if (crash !== undefined && now - crash.at < quiet) {
    return `${crash.name} ended with ${describeExit(crash.how)} at ${isoTime(crash.at)}; it counts as well after ${formatDuration(quiet)} without that`;
  }
  return now - liveSince < wellFor ? `it is live since ${live.since} and has to be well for ${formatDuration(wellFor)}` : undefined;
}

/** How often a deployment looks whether it may enter, and for how long at most. */
const LOOK_MS = 250;
const ENTER_WITHIN_MS = 8 * 24 * 3_600_000; // a day more than signatures may take
/** What must be live there is looked at again after so many looks. */
const LOOKS = 20;

/**
 * Looked at in the moment of entry, however long ago it was approved: waits until the release is well in every environment that comes first. What is waited for stands in the
 * row, so that people see it. Undefined once it may enter; `gone` when it is not live there any more.
 */
export async function waitUntilWell(
  context: DeploymentContext,
  read: Deployment,
  facts: { readonly after: readonly string[]; readonly wellFor: Duration; readonly awaited: string | undefined },
): Promise<Outcome | 'again' | 'too-late' | undefined> {
  const { clock, signal, persist, store } = context;
  for (let looked = 0; looked < LOOKS; looked += 1) {
    const current = await persist(signal, (tx) => store.deployments.get(tx, read.request.id));
    // Somebody cancelled it meanwhile, or drives it elsewhere.
    if (current?.version !== read.version) return 'again';
    const because = await whatIsAwaited(context, read, facts);
    if (because === undefined) return undefined;
    if (because !== facts.awaited) return { event: { type: 'held-up', because } };
    if (clock.now() - Date.parse(read.request.requestedAt) > ENTER_WITHIN_MS) return 'too-late';
    await clock.sleep(LOOK_MS, signal);
  }
  return 'again';
}

async function whatIsAwaited(
  context: DeploymentContext,
  { request }: Deployment,
  { after, wellFor }: { readonly after: readonly string[]; readonly wellFor: Duration },
): Promise<string | undefined> {
  for (const environment of after) {
    const seen = await look(context, environment, request.service);
    const because = seen === undefined ? 'it is not live there' : whyNotWell(seen, wellFor, context.clock.now());
    if (because !== undefined) return `${request.service} has to be well in ${environment} first: ${because}`;
  }
  return undefined;
}

async function look(context: DeploymentContext, environment: string, service: string): Promise<SeenElsewhere | undefined> {
  const { persist, signal, store } = context;
  const { live, instances } = await persist(signal, async (tx) => {
    const now = await store.live.now(tx, environment, service);
    const rollout = now === undefined ? undefined : await store.rollouts.ofDeployment(tx, now.deployment);
    return { live: now, instances: rollout?.plan.instances ?? 1 };
  });
  if (live === undefined) return undefined;
  const { router, target } = context.environment(environment);
  const key = serviceKey(environment, service);
  const [routed, placed] = await Promise.all([router.observe(key), target.observe(key, live.slot)]);
  return {
    live,
    instances,
    router: routed.ok ? { kind: 'seen', seen: routed.value } : { kind: 'silent', because: messageIn(routed.error) },
    slot: placed.ok ? { kind: 'seen', seen: placed.value } : { kind: 'silent', because: messageIn(placed.error) },
  };
}

const messageIn = (problem: { readonly kind: string; readonly message?: string }): string => problem.message ?? problem.kind;
