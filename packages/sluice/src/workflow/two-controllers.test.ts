import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startController, type ControllerProcess } from './fixtures/controllers.ts';
import { serveEdge, type EdgeServer } from './fixtures/edge-server.ts';
import { isStopped } from './fixtures/stopped.ts';
import { fakeEdge, until, world, type World } from './fixtures/world.ts';
import type { ControllerOrder } from './fixtures/controller-main.ts';

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

const start = (executor: string, more: Partial<ControllerOrder> = {}): ControllerProcess =>
  startController({
    databaseUrl: place.server.url,
    executor,
    edge: server.path,
    folder: join(place.folder, executor),
    services: ['api', 'engine'],
    ...more,
  });

async function ended(service: string, ref: string): Promise<string> {
  return until(`${service} ${ref} ends`, async () => {
    const [deployment] = await place.store.transaction((tx) => place.store.deployments.list(tx, { service, limit: 1 }));
    if (deployment?.request.wanted.kind !== 'ref' || deployment.request.wanted.ref !== ref) return undefined;
    const rollout = await place.store.transaction((tx) => place.store.rollouts.ofDeployment(tx, deployment.request.id));
    const kind = rollout?.state.kind ?? deployment.state.kind;
    return ['succeeded', 'reverted', 'failed', 'cancelled', 'stuck'].includes(kind) ? kind : undefined;
  });
}

const tookOver = async (): Promise<number> =>
  (await place.store.transaction((tx) => place.store.entries.list(tx, { limit: 1_000 }))).filter(
    ({ entry }) => entry.type === 'controller.took-over',
  ).length;

test('two controllers on one database: one is killed in the middle of a watch, the other finishes, and the log says so (D11, I14)', async () => {
  await using one = start('one', {
    deploy: { service: 'api', ref: 'v1.0.0' },
    end: { point: 'before-outcome', during: 'watch', signal: 'SIGKILL' },
  });
  await using two = start('two');
  await until('the second has started', async () => two.lines.includes('started'));
  expect(await one.ended).toBe('SIGKILL');
  expect(await ended('api', 'v1.0.0')).toBe('succeeded');
  expect(edge.target.started.filter((line) => line.startsWith('staging/api'))).toHaveLength(1);
  await until('the takeover is in the log', async () => (await tookOver()) === 1);
});

test('a controller that slept through a takeover moves nothing when it wakes up (I14, D08)', async () => {
  await using sleeper = start('sleeper', {
    deploy: { service: 'engine', ref: 'v1.0.0' },
    end: { point: 'before-effect', during: 'shift', signal: 'SIGSTOP' },
  });
  await until('it has gone to sleep', async () => {
    const [deployment] = await place.store.transaction((tx) => place.store.deployments.list(tx, { service: 'engine', limit: 1 }));
    return deployment?.state.kind === 'rolling-out' && sleeper.child.pid !== undefined && isStopped(sleeper.child.pid);
  });
  await using _other = start('other');
  expect(await ended('engine', 'v1.0.0')).toBe('succeeded');
  const before = await edge.router.observe('staging/engine');
  const routed = server.calls.filter(({ method }) => method === 'route').length;
  sleeper.child.kill('SIGCONT');
  await until('it has tried to move traffic, or found that it may not', async () => {
    return (
      server.calls.filter(({ method }) => method === 'route').length > routed ||
      sleeper.errors.some((line) => line.includes('took its work over'))
    );
  });
  const after = await edge.router.observe('staging/engine');
  expect(after.ok && before.ok && [after.value.weights, after.value.epoch]).toEqual(
    before.ok && [before.value.weights, before.value.epoch],
  );
  expect(edge.target.started.filter((line) => line.startsWith('staging/engine'))).toHaveLength(1);
});
