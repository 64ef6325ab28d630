import { expect, test } from 'vitest';
import { err, ok, type Result } from '#kernel';
import { systemClock } from '#host';
import type { RouterEndpoints, RouterObservation, RouterRefusal, SlotEndpoints } from '#rollout';
import { EndpointFeed } from './endpoint-feed.ts';

const at = (...ports: readonly number[]): SlotEndpoints => ({ key: 'k', endpoints: ports.map((port) => ({ host: '127.0.0.1', port })) });
const observation = {} as RouterObservation;

/** A router that answers what the test wants, and remembers what it heard. */
class ListeningRouter implements RouterEndpoints {
  readonly heard: string[] = [];
  refusal: RouterRefusal | undefined;
  asked = 0;
  gate: Promise<void> = Promise.resolve();

  async setEndpoints(_service: string, slot: string, { endpoints }: SlotEndpoints): Promise<Result<RouterObservation, RouterRefusal>> {
    this.asked += 1;
    await this.gate;
    if (this.refusal !== undefined) return err(this.refusal);
    this.heard.push(`${slot} ${endpoints.map((endpoint) => endpoint.port).join()}`);
    return ok(observation);
  }
}

test('what did not change is not told again', async () => {
  const router = new ListeningRouter();
  const feed = new EndpointFeed(router, systemClock);
  feed.tell('test/api', 'blue', at(1));
  feed.tell('test/api', 'blue', at(1));
  await feed.heard('test/api', 'blue');
  expect(router.heard).toEqual(['blue 1']);
});

test('while the router is busy only the newest waits: it never hears an older state after a newer one', async () => {
  const router = new ListeningRouter();
  const open = Promise.withResolvers<void>();
  router.gate = open.promise;
  const feed = new EndpointFeed(router, systemClock);
  for (const port of [1, 2, 3]) feed.tell('test/api', 'blue', at(port));
  feed.tell('test/api', 'green', at(9));
  open.resolve();
  await Promise.all([feed.heard('test/api', 'blue'), feed.heard('test/api', 'green')]);
  expect(router.heard.filter((line) => line.startsWith('blue')).at(-1)).toBe('blue 3');
  expect(router.heard.filter((line) => line.startsWith('blue')).length).toBeLessThanOrEqual(2);
});

test('a router that cannot be reached is told again until it hears', async () => {
  const router = new ListeningRouter();
  router.refusal = { kind: 'unreachable', message: 'gone' };
  const feed = new EndpointFeed(router, systemClock);
  feed.tell('test/api', 'blue', at(1));
  while (router.asked < 3) await systemClock.sleep(2);
  router.refusal = undefined;
  await feed.heard('test/api', 'blue');
  expect(router.heard).toEqual(['blue 1']);
});

test('a new router hears everything again', async () => {
  const router = new ListeningRouter();
  const feed = new EndpointFeed(router, systemClock);
  feed.tell('test/api', 'blue', at(1));
  feed.tell('test/api', 'green', at(2));
  await Promise.all([feed.heard('test/api', 'blue'), feed.heard('test/api', 'green')]);
  feed.repeat();
  await Promise.all([feed.heard('test/api', 'blue'), feed.heard('test/api', 'green')]);
  expect(router.heard).toEqual(['blue 1', 'green 2', 'blue 1', 'green 2']);
});

test('an empty slot of a service that the router does not know is as good as told', async () => {
  const router = new ListeningRouter();
  router.refusal = { kind: 'unknown-service' };
  const feed = new EndpointFeed(router, systemClock);
  feed.tell('test/api', 'blue', at());
  await feed.heard('test/api', 'blue');
  expect(router.asked).toBe(1);
});
