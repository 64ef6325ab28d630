import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '#host';
import { phaseAt } from '#rollout';
import { startController, type ControllerProcess } from './fixtures/controllers.ts';
import { serveEdge, type EdgeServer } from './fixtures/edge-server.ts';
import { fakeEdge, until, world, type World } from './fixtures/world.ts';
import type { Asked, RolloutRecord } from './rollout-record.ts';
import { triggerPoints } from './trigger-points.ts';

const verbs = ['promote', 'cancel', 'hold'] as const;
/** Before the effect it was not heard yet, after it it was heard and not written down; a row that was only read is the same as the first. */
const points = triggerPoints.filter((point) => point !== 'loaded');
const cases = verbs.flatMap((verb) => points.map((point) => ({ verb, point })));
const services = cases.map((_, at) => `s${at}`);

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
  startController({ databaseUrl: place.server.url, executor: 'e1', edge: server.path, folder: place.folder, services, ...more });

const rolloutOf = (service: string): Promise<RolloutRecord | undefined> =>
  place.store.transaction(async (tx) => {
    const [deployment] = await place.store.deployments.list(tx, { service, limit: 1 });
    return deployment === undefined ? undefined : place.store.rollouts.ofDeployment(tx, deployment.request.id);
  });

const isWatching = (rollout: RolloutRecord | undefined): rollout is RolloutRecord =>
  rollout?.state.kind === 'running' && phaseAt(rollout.plan, rollout.state.at).kind === 'watch';

function wish(verb: (typeof verbs)[number], { state }: RolloutRecord): Asked {
  const who = { by: 'operator', reason: 'a test' };
  const until = new Date(systemClock.now() + 60_000).toISOString();
  if (verb === 'promote') return { kind: verb, ...who, at: 'at' in state ? state.at : 0 };
  return verb === 'hold' ? { kind: verb, ...who, id: 'h1', until } : { kind: verb, ...who };
}

const ask = (rollout: RolloutRecord, asked: Asked) => place.store.transaction((tx) => place.store.rollouts.ask(tx, rollout.id, asked));

const ended = (service: string): Promise<RolloutRecord> =>
  until(`the rollout of ${service} ends`, async () => {
    const rollout = await rolloutOf(service);
    return rollout !== undefined && ['succeeded', 'reverted', 'failed', 'cancelled', 'stuck'].includes(rollout.state.kind)
      ? rollout
      : undefined;
  });

test('killed anywhere around a person who promotes, aborts or holds, a controller that starts again does what was asked, once (I4, I8)', async () => {
  {
    await using first = start();
    for (const service of services) first.deploy({ service, ref: 'v1.0.0' });
    for (const service of services) await ended(service);
  }
  const problems: string[] = [];
  for (const [at, { verb, point }] of cases.entries()) {
    const service = `s${at}`;
    // Nothing can be measured, so that no watch ends by itself before it has heard the wish.
    const see = edge.blind();
    {
      await using killed = start({ deploy: { service, ref: `v1.1.${at}` }, end: { point, during: 'watch', signal: 'SIGKILL' } });
      const watching = await until(`${service} is watched`, async () => {
        const rollout = await rolloutOf(service);
        return isWatching(rollout) ? rollout : undefined;
      });
      await ask(watching, wish(verb, watching));
      if ((await killed.ended) !== 'SIGKILL') problems.push(`${verb} ${point}: was not killed: ${killed.errors.join('; ')}`);
    }
    await using _second = start();
    if (verb === 'hold') {
      const held = await until(`${service} is held`, async () => {
        const rollout = await rolloutOf(service);
        return rollout?.state.kind === 'running' && rollout.state.held !== undefined ? rollout : undefined;
      });
      see();
      await ask(held, { kind: 'resume', by: 'operator', reason: 'a test' });
    } else see();
    const { state, deployment } = await ended(service);
    const wanted = verb === 'cancel' ? 'reverted' : 'succeeded';
    if (state.kind !== wanted) problems.push(`${verb} ${point}: is ${state.kind}, not ${wanted}`);
    const entries = await place.store.transaction(async (tx) => {
      const found = await place.store.deployments.get(tx, deployment);
      return place.store.entries.list(tx, { chain: found?.request.chainId ?? '', limit: 500 });
    });
    const promoted = entries.filter(({ entry }) => entry.reasons.some(({ code }) => code === 'promoted')).length;
    if (promoted !== (verb === 'promote' ? 1 : 0)) problems.push(`${verb} ${point}: promoted ${promoted} times`);
    const starts = edge.target.started.filter((line) => line.startsWith(`staging/${service} `)).length;
    if (starts !== 2) problems.push(`${verb} ${point}: ${starts} starts`);
  }
  expect(problems).toEqual([]);
}, 600_000);
