import { afterAll, beforeAll, expect, test } from 'vitest';
import { Client } from 'pg';
import { startEngine, type Engine } from './engine.ts';
import { deliveryOf, fakeEdge, portsOver, until, world, type World } from './fixtures/world.ts';

let place: World;
let engine: Engine;
let database: Client;
const warnings: string[] = [];

beforeAll(async () => {
  place = await world();
  const delivery = deliveryOf(['api']);
  engine = await startEngine(portsOver(place.store, fakeEdge(), place.folder, delivery.services), {
    executor: 'e1',
    databaseUrl: place.server.url,
    delivery,
    warn: (line) => warnings.push(line),
  });
  database = new Client({ connectionString: place.server.url });
  await database.connect();
});

afterAll(async () => {
  await database.end();
  await engine.stop();
  await place[Symbol.asyncDispose]();
});

test('a deployment whose durable story cannot go on, for an error that nobody repeats, is driven on by a new one (I4)', async () => {
  await database.query(`
    create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no step is stored'; end $$;
    create trigger refuse before insert on dbos.operation_outputs for each row execute function refuse();
  `);
  const asked = await engine.requestDeployment(
    { services: ['api'], environment: 'staging', ref: 'v1.0.0', pipeline: 'default' },
    { actorRef: 'controller', requestId: 'request-1' },
  );
  if (!asked.ok) throw asked.error;
  await until('the story was given up', async () => warnings.some((line) => line.includes('no step is stored')));
  await database.query('drop trigger refuse on dbos.operation_outputs');
  const id = asked.value[0]?.request.id ?? '';
  await until('the rollout ends', async () => {
    const seen = await engine.deployment(id);
    return seen.ok && seen.value.rollout?.state.kind === 'succeeded';
  });
  const history = await place.store.transaction((tx) => place.store.live.history(tx, 'staging', 'api'));
  expect(history.map(({ version }) => version)).toEqual(['v1.0.0']);
});
