import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Deployment } from './deployment.ts';
import { startController, type ControllerProcess } from './fixtures/controllers.ts';
import { serveEdge, type EdgeServer } from './fixtures/edge-server.ts';
import { fakeEdge, until, world, type World } from './fixtures/world.ts';
import type { RolloutRecord } from './rollout-record.ts';

/** Where a controller dies while one rollout makes room for the next: each is the first await after which something of it would be lost, were it not in a row. */
const cases = [
  { during: 'approved', point: 'before-outcome' },
  { during: 'approved', point: 'after-outcome' },
  { during: 'keep-warm', point: 'after-effect' },
  { during: 'drain', point: 'before-effect' },
  { during: 'retiring', point: 'after-effect' },
] as const;
const services = cases.map((_, at) => `s${at}`);
const longerThanTheTest = 600_000;

let place: World;
let server: EdgeServer;
const edge = fakeEdge();

beforeAll(async () => {
  place = await world();
  server = await serveEdge(edge, join(place.folder, 'edge.sock'));
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await place[Symbol.asyncDispose]();
});

const start = (more: Partial<Parameters<typeof startController>[0]> = {}): ControllerProcess =>
  startController({
    databaseUrl: place.server.url,
    executor: 'e1',
    edge: server.path,
    folder: place.folder,
    services,
    keepWarm: longerThanTheTest,
    ...more,
  });

type Seen = { readonly deployment: Deployment; readonly rollout: RolloutRecord | undefined };

const look = (service: string): Promise<readonly Seen[]> =>
  place.store.transaction(async (tx) => {
    const seen: Seen[] = [];
    for (const deployment of await place.store.deployments.list(tx, { service, limit: 3 })) {
      seen.push({ deployment, rollout: await place.store.rollouts.ofDeployment(tx, deployment.request.id) });
    }
    return seen;
  });

const live = (service: string, count: number): Promise<readonly Seen[]> =>
  until(`${service} is live for the ${count}. time`, async () => {
    const seen = await look(service);
    return seen.length === count && seen[0]?.deployment.state.kind === 'live' ? seen : undefined;
  });

test('killed anywhere while a rollout makes room, a controller that starts again lets the next release in, and no effect happened twice (I4)', async () => {
  {
    await using first = start();
    for (const service of services) first.deploy({ service, ref: 'v1.0.0' });
    for (const service of services) {
      await live(service, 1);
      await until(`${service} is free`, async () => (await look(service))[0]?.rollout?.state.kind === 'succeeded');
    }
    for (const service of services) first.deploy({ service, ref: 'v1.1.0' });
    for (const service of services) await live(service, 2);
  }
  const ends: string[] = [];
  for (const [at, end] of cases.entries()) {
    await using killed = start({ deploy: { service: `s${at}`, ref: `v1.2.${at}` }, end: { ...end, signal: 'SIGKILL' } });
    ends.push(await killed.ended);
  }
  expect(ends).toEqual(cases.map(() => 'SIGKILL'));
  await using _last = start();
  for (const service of services) {
    const [next, before] = await live(service, 3);
    expect([service, next!.rollout?.plan.stable?.key]).toEqual([service, before!.deployment.request.id]);
    expect([service, before!.rollout?.state.kind, before!.deployment.state.kind]).toEqual([service, 'succeeded', 'live']);
    expect([service, edge.target.started.filter((line) => line.startsWith(`staging/${service} `)).length]).toEqual([service, 3]);
    const entries = await place.store.transaction((tx) =>
      place.store.entries.list(tx, { chain: before!.deployment.request.chainId, limit: 1_000 }),
    );
    const made = entries.filter(({ entry }) => entry.reasons.some(({ code }) => code === 'room-asked'));
    expect([service, made.length]).toEqual([service, 1]);
  }
}, 120_000);
