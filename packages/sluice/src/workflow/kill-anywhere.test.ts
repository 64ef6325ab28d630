import { afterAll, beforeAll, expect, test } from 'vitest';
import { join } from 'node:path';
import { systemClock } from '#host';
import { phaseKinds } from '#rollout';
import type { Deployment } from './deployment.ts';
import { startController, type ControllerProcess } from './fixtures/controllers.ts';
import { serveEdge, type EdgeServer } from './fixtures/edge-server.ts';
import { fakeEdge, until, world, type World } from './fixtures/world.ts';
import { placesBack, placesForward, triggerPoints } from './trigger-points.ts';

const cases = [
  ...placesForward.flatMap((during) => triggerPoints.map((point) => ({ during, point, good: true }))),
  ...placesBack.flatMap((during) => triggerPoints.map((point) => ({ during, point, good: false }))),
];
/** Each case has a commit of its own: a release that exists already is not built again. */
const versionOf = (at: number, good: boolean): string => (good ? `v1.1.${at}` : `v1.2.${at}`);
const services = cases.map((_, at) => `s${at}`);

let place: World;
let server: EdgeServer;
const edge = fakeEdge();

beforeAll(async () => {
  place = await world();
  server = await serveEdge(edge, join(place.folder, 'edge.sock'));
  for (const [at, { good }] of cases.entries()) if (!good) edge.bad.add(versionOf(at, good));
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await place[Symbol.asyncDispose]();
});

const start = (more: Partial<Parameters<typeof startController>[0]> = {}): ControllerProcess =>
  startController({ databaseUrl: place.server.url, executor: 'e1', edge: server.path, folder: place.folder, services, ...more });

async function ended(service: string, ref: string): Promise<{ readonly deployment: Deployment; readonly rollout: string }> {
  return until(`the rollout of ${service} ${ref} ends`, async () => {
    const [deployment] = await place.store.transaction((tx) => place.store.deployments.list(tx, { service, limit: 1 }));
    if (deployment?.request.wanted.kind !== 'ref' || deployment.request.wanted.ref !== ref) return undefined;
    const rollout = await place.store.transaction((tx) => place.store.rollouts.ofDeployment(tx, deployment.request.id));
    const kind = rollout?.state.kind ?? deployment.state.kind;
    return ['succeeded', 'reverted', 'failed', 'cancelled', 'stuck'].includes(kind) ? { deployment, rollout: kind } : undefined;
  });
}

test('there is a case for every trigger point in every phase', () => {
  expect(cases).toHaveLength((phaseKinds.length + 8 + 4) * 5);
});

test('killed at any trigger point of any phase, a controller that starts again finishes what it began, and no effect happened twice (I4, I14, D21)', async () => {
  {
    await using first = start();
    for (const service of services) first.deploy({ service, ref: 'v1.0.0' });
    for (const service of services) await ended(service, 'v1.0.0');
  }
  const problems: string[] = [];
  for (const [at, { during, point, good: goesWell }] of cases.entries()) {
    // Each life also finishes what the one before it left, and may be killed while it does.
    await using killed = start({
      deploy: { service: `s${at}`, ref: versionOf(at, goesWell) },
      end: { point, during, signal: 'SIGKILL' },
    });
    if ((await Promise.race([killed.ended, limit()])) !== 'SIGKILL')
      problems.push(`${point} ${during}: was not killed: ${killed.errors.join('; ')}`);
  }
  await using _last = start();
  for (const [at, { during, point, good: goesWell }] of cases.entries()) {
    const service = `s${at}`;
    const end = await ended(service, versionOf(at, goesWell));
    const found = [
      ...differs('state', end.deployment.state.kind, goesWell ? 'live' : 'reverted'),
      ...differs('rollout', end.rollout, goesWell ? 'succeeded' : 'reverted'),
      ...(await routing(service, goesWell)),
      ...differs('starts', edge.target.started.filter((line) => line.startsWith(`staging/${service} `)).length, 2),
      ...(await doubled(end.deployment)),
    ];
    problems.push(...found.map((line) => `${point} ${during}: ${line}`));
  }
  expect(problems).toEqual([]);
}, 900_000);

/** A place that is never reached must not hold up the others. */
const limit = async (): Promise<string> => {
  await systemClock.sleep(20_000);
  return 'not in time';
};

const differs = (what: string, seen: unknown, wanted: unknown): readonly string[] =>
  seen === wanted ? [] : [`${what} is ${String(seen)}, not ${String(wanted)}`];

async function routing(service: string, goesWell: boolean): Promise<readonly string[]> {
  const seen = await edge.router.observe(`staging/${service}`);
  if (!seen.ok) return ['the router does not know it'];
  return [
    ...differs('share of the new slot', seen.value.weights.green, goesWell ? 10_000 : 0),
    ...differs('latch', seen.value.latch !== undefined, !goesWell),
  ];
}

/** Entries that a deployment may have once only. */
async function doubled({ request }: Deployment): Promise<readonly string[]> {
  const entries = await place.store.transaction((tx) => place.store.entries.list(tx, { chain: request.chainId, limit: 1_000 }));
  const once = ['release.created', 'deployment.requested', 'rollout.started', 'rollout.committed', 'rollout.reverted', 'rollout.finished'];
  const counts = once.map((type) => [type, entries.filter(({ entry }) => entry.type === type).length] as const);
  return counts.filter(([, count]) => count > 1).map(([type, count]) => `${count} entries ${type}`);
}
