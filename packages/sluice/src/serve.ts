import { randomBytes } from 'node:crypto';
import { availableParallelism, homedir } from 'node:os';
import { join } from 'node:path';
import { serve as listen, type ServerType } from '@hono/node-server';
import { grantableRights } from '#access';
import { readCards, type ServeOptions } from '#cli';
import type { Delivery } from '#define';
import { loadConfig, nearestConfig } from '#config-file';
import { siblingModule, systemClock, systemIds, watchLoopDelay } from '#host';
import { SluiceError, type Result } from '#kernel';
import { checkDelivery, planError } from '#plan';
import { embeddedRouter } from '#router-embedded';
import { openSandbox } from '#sandbox';
import { controlApi, ServedEngine } from '#server';
import { gitSource } from '#source-git';
import { openLedgerFolder, openStore } from '#store-postgres';
import { keepAgent, localTarget, startAgent } from '#target-local';
import { grantsOf, planeOf, startEngine, type Engine, type EnginePorts, type EnvironmentPorts, type Trigger } from '#workflow';
import { commitProcesses } from './commit-process.ts';
import { databaseOf } from './database.ts';
import { logKeys } from './log-keys.ts';
import { logReader } from './log-reader.ts';
import { routerMetrics } from './router-metrics.ts';
import { keepAddress, takeSeat, writeAddress } from './serving.ts';
import { takeStateFolder } from './state-folder.ts';

/** What a control plane is told by its surroundings. */
export type ServeWorld = {
  readonly stateFolder: string;
  readonly cwd: string;
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Places in the driver at which a test attaches a wait; none in production. */
  readonly trigger?: Trigger;
};

/** A watch looks every 50 ms; what is held up ten times as long cannot see a fault in time, and says so. */
const heldUp = { alarmAtMs: 500, everyMs: 100 } as const;

/** Runs the control plane of a project until the signal aborts: database, agent, engine, API, in this order, and away in the opposite one. Services and router run on. */
export async function serveControlPlane(world: ServeWorld, options: ServeOptions): Promise<number> {
  const { stateFolder, env } = world;
  // The durable driver makes its PostgreSQL client warn of a change in the client's next version at every start: nothing a person could act on.
  process.noDeprecation = true;
  const path = env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin';
  const place = unwrap(nearestConfig(world.cwd));
  const loaded = unwrap(await loadConfig(place.folder));
  const checked = checkDelivery(loaded.delivery);
  if (!checked.ok) throw planError(checked.error, loaded.configFile);
  const delivery = checked.value;
  await takeStateFolder(stateFolder);

  const sandbox = await openSandbox({ path, home: homedir() });
  if (sandbox.isolation === 'none')
    options.say(
      `commits run without a sandbox, with the rights of this user, and environments that ask for approvals take none: ${sandbox.because} → sluice doctor`,
    );
  const entry = siblingModule(import.meta.url, './agent-main');
  // The port first: where it is taken, nothing is started.
  let answer: Fetch = () => new Response('the control plane is starting\n', { status: 503 });
  await using server = await openApi((request) => answer(request), options);
  // Then the database: where there is none, nothing is started that would be left behind.
  const database = await databaseOf({ stateFolder, url: env['DATABASE_URL'], signal: options.signal, say: options.say });
  await using store = unwrap(await openStore({ url: database.url }));
  const [agent, keys] = await Promise.all([startAgent({ stateFolder, entry }), logKeys(stateFolder, delivery.name)]);
  if (!agent.ok) throw new SluiceError('unavailable', agent.error.message);

  const router = embeddedRouter({ stateFolder, clock: systemClock });
  const target = localTarget({ stateFolder });
  const here: EnvironmentPorts = { target, router, metrics: routerMetrics({ router, target, clock: systemClock }) };
  const source = gitSource(place.folder);
  const ports: EnginePorts = {
    isolation: sandbox.isolation,
    store,
    source,
    ...commitProcesses({
      parallel: availableParallelism(),
      path,
      home: homedir(),
      env,
      stateFolder,
      repository: place.folder,
      grants: grantsOf(delivery),
    }),
    environment: () => here,
    keys,
    ledgerFolder: openLedgerFolder({ folder: join(stateFolder, 'ledger'), lastSigned: join(stateFolder, 'keys', 'last-signed') }),
    clock: systemClock,
    ids: systemIds,
    checkoutFolder: (run) => join(stateFolder, 'checkouts', run),
  };
  const executor = await store.exclusively(() => takeSeat(stateFolder));
  const engine = await startEngine(ports, {
    executor,
    databaseUrl: database.url,
    delivery,
    warn: options.say,
    ...(world.trigger === undefined ? {} : { trigger: world.trigger }),
  });

  await firstPeople(engine, delivery, options).catch(async (error: unknown) => {
    await engine.stop();
    throw error;
  });

  const about = { product: 'sluice', version: world.version, delivery: delivery.name, executor, pid: process.pid } as const;
  const served = new ServedEngine({
    engine,
    environment: ports.environment,
    keys,
    log: logReader(join(stateFolder, 'ledger')),
    clock: systemClock,
    ids: systemIds,
    about,
  });
  const token = randomBytes(32).toString('base64url');
  answer = controlApi(served, token, (error) =>
    options.say(`a request failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`),
  ).fetch;
  const url = `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${server.port}`;
  const plane = planeOf(keys);
  const address = { url, token, plane, pid: process.pid };
  await writeAddress(stateFolder, address);
  const stopping = new AbortController();
  const kept = Promise.all([
    watchLoopDelay(systemClock, heldUp, stopping.signal, (ms) =>
      options.say(
        `the control plane was held up for ${(ms / 1_000).toFixed(1)}s: no rollout was watched meanwhile (the router and its latch went on)`,
      ),
    ),
    keepAgent({ stateFolder, entry }, stopping.signal, options.say),
    database.keep(stopping.signal),
    keepAddress(stateFolder, address, stopping.signal),
  ]);
  options.ready({
    url,
    lines: [
      `project    ${place.folder} (${delivery.name})`,
      `state      ${stateFolder}`,
      `database   ${database.about}`,
      `sandbox    ${sandbox.isolation}`,
      `agent      pid ${agent.value.pid}, router and instances below it`,
      `address    ${url}#${plane}`,
      `record     ${join(stateFolder, 'ledger')}, public key ${join(stateFolder, 'ledger.vkey')}`,
    ],
  });
  if (!options.signal.aborted) await new Promise((resolve) => options.signal.addEventListener('abort', resolve, { once: true }));
  stopping.abort(new Error('serve ends'));
  server.close();
  await engine.stop();
  await kept;
  return 0;
}

/**
 * Lets in the first people whose cards whoever starts the control plane has named. It is not done over the API: whoever holds a token, or stole one, admits nobody.
 * Later starts may name them again.
 */
async function firstPeople(engine: Engine, delivery: Delivery, { people, say }: ServeOptions): Promise<void> {
  if (people.length === 0) {
    const asking = Object.entries(delivery.environments).find(([, { approvals }]) => approvals !== undefined)?.[0];
    if (asking !== undefined && unwrap(await engine.people()).length === 0)
      say(
        `${asking} asks for approvals, and nobody is in the register yet → sluice serve --people <card>, once for each of the first people`,
      );
    return;
  }
  const cards = (await Promise.all(people.map(readCards))).flat();
  const founders = cards.map(({ card, rights }) => ({ card, rights: rights ?? grantableRights, salt: randomBytes(16).toString('hex') }));
  if (unwrap(await engine.register.found(founders)) === 'founded') return;
  const there = unwrap(await engine.people());
  for (const { card } of cards.filter(({ card: { id } }) => !there.some((member) => member.id === id)))
    say(`${card.name} was named with --people, but the first people were admitted before → sluice people add`);
}

type Fetch = (request: Request) => Response | Promise<Response>;
type OpenedApi = AsyncDisposable & { readonly port: number; readonly close: () => void };

function openApi(fetch: Fetch, { host, port }: ServeOptions): Promise<OpenedApi> {
  return new Promise((resolve, reject) => {
    const server: ServerType = listen({ fetch, hostname: host, port }, (address) => {
      const close = (): void => void server.close();
      resolve({ port: address.port, close, [Symbol.asyncDispose]: async () => close() });
    });
    server.on('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      const fact = taken ? `port ${port} is in use` : `cannot listen on ${host}:${port}: ${error.message}`;
      const hint = taken
        ? 'choose another one with --port, or leave it out: a free one is found'
        : 'name an address of this machine with --host, and a port that this user may open with --port';
      reject(new SluiceError('unavailable', fact, { hint, cause: error }));
    });
  });
}

function unwrap<T>(result: Result<T, SluiceError>): T {
  if (!result.ok) throw result.error;
  return result.value;
}
