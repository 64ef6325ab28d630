import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { basisPoints, milliseconds, seconds } from '#kernel';
import { siblingModule, systemClock } from '#host';
import type { Endpoint, RouterObservation, SlotOrder } from '#rollout';
import { adoptRouter, embeddedRouter } from '#router-embedded';
import { adoptAgent, localTarget, packArtifact, ps, startAgent, stopAgent } from '#target-local';
import { embeddedRouterOf } from './agent-main.ts';

const entry = siblingModule(import.meta.url, './agent-main');
const service = 'test/web' as const;
let stateFolder = '';

beforeEach(() => {
  stateFolder = mkdtempSync(join(tmpdir(), 'sluice-host-'));
});
afterEach(async () => {
  const stopped = await stopAgent({ stateFolder, instances: true, supervision: embeddedRouterOf(stateFolder) });
  expect(stopped).toEqual({ ok: true, value: undefined });
  expect(processesOf(stateFolder)).toEqual([]);
  // The tree is read-only; whoever is not root has to open it first.
  spawnSync('chmod', ['-R', 'u+w', stateFolder]);
  rmSync(stateFolder, { recursive: true, force: true });
});

test('I3: agent, router and instances each die and come back; traffic finds healthy instances only', async () => {
  const agent = await started();
  const { listen } = await serving(2);
  expect(await get(listen)).toBe(200);

  // The agent dies: traffic goes on, by the same processes, and the next agent knows them.
  const before = await listing();
  process.kill(agent, 'SIGKILL');
  await until('the agent is gone', async () => (await adoptAgent(stateFolder)) === undefined);
  expect(await get(listen)).toBe(200);
  await started();
  const after = await listing();
  const shown = ({ slots }: typeof after): unknown =>
    slots.map((slot) => ({ ...slot, instances: slot.instances.map(({ usage: _now, ...one }) => one) }));
  expect(shown(after)).toEqual(shown(before));
  expect(after.router?.pid).toBe(before.router?.pid);
  expect(await get(listen)).toBe(200);

  // The router dies: the agent starts it again, on the same port, with its weights.
  const router = await adoptRouter(stateFolder);
  process.kill(router?.pid ?? 0, 'SIGKILL');
  // A killed process may answer once more before it is gone: the count says that another one is there.
  await until('it was started again', async () => (await listing()).router?.restarts === 1);
  await until('traffic flows again', async () => (await get(listen)) === 200);

  // An instance dies: it is out of the router until it is healthy again.
  const [first] = (await listing()).slots[0]?.instances ?? [];
  process.kill(first?.pid ?? 0, 'SIGKILL');
  await until('it is out', async () => (await observed()).endpoints.blue.length === 1);
  expect(await get(listen)).toBe(200);
  await until('it is back', async () => (await observed()).endpoints.blue.length === 2);
});

test('a retired slot is out of the router before its instances end', async () => {
  await started();
  await serving(1);
  expect((await observed()).endpoints.blue).toHaveLength(1);
  const retired = await localTarget({ stateFolder }).retire(service, 'blue', 'k1');
  expect(retired.ok).toBe(true);
  expect((await observed()).endpoints.blue).toEqual([]);
});

test('stopping without an agent ends what it left; the next agent starts the instances again', async () => {
  const agent = await started();
  const { listen } = await serving(1);
  process.kill(agent, 'SIGKILL');
  await until('the agent is gone', async () => (await adoptAgent(stateFolder)) === undefined);
  expect(await stopAgent({ stateFolder, instances: true, supervision: embeddedRouterOf(stateFolder) })).toEqual({
    ok: true,
    value: undefined,
  });
  expect(processesOf(stateFolder)).toEqual([]);
  await started();
  await until('traffic flows again', async () => (await get(listen)) === 200);
});

async function started(): Promise<number> {
  const agent = await startAgent({ stateFolder, entry });
  if (!agent.ok) throw new Error(agent.error.message);
  return agent.value.pid;
}

/** A service with all of its traffic on blue. */
async function serving(instances: number): Promise<RouterObservation> {
  const router = embeddedRouter({ stateFolder, clock: systemClock });
  await until('the router answers', async () => (await adoptRouter(stateFolder)) !== undefined);
  expect((await router.declare(service, { traffic: 'request' })).ok).toBe(true);
  expect((await router.takeEpoch(service, 0)).ok).toBe(true);
  const placed = await localTarget({ stateFolder }).place(await orderOf(instances));
  if (!placed.ok) throw new Error(placed.error.message);
  await until('all are in the router', async () => (await observed()).endpoints.blue.length === instances);
  const routed = await router.route(service, { epoch: 1, weights: { blue: basisPoints(10_000), green: basisPoints(0) } });
  if (!routed.ok) throw new Error(routed.error.kind);
  return routed.value;
}

async function orderOf(instances: number): Promise<SlotOrder> {
  const program = "require('node:http').createServer((_, answer) => answer.end('ok')).listen(Number(process.env.PORT), process.env.HOST)";
  writeFileSync(join(stateFolder, 'web.cjs'), program);
  const packed = await packArtifact(stateFolder, ['web.cjs'], join(stateFolder, 'archives'));
  if (!packed.ok) throw new Error('the sample cannot be packed');
  const { digest: artifact, path: archive } = packed.value;
  const executable = await localTarget({ stateFolder }).resolveExecutable(['node', 'web.cjs'], { artifact, archive });
  if (!executable.ok) throw new Error(executable.error.message);
  return {
    key: 'k1',
    service,
    slot: 'blue',
    version: '1.0.0',
    artifact,
    archive,
    executable: executable.value,
    start: ['node', 'web.cjs'],
    instances,
    env: {},
    secrets: [],
    folders: {},
    health: { kind: 'connect', interval: milliseconds(50), timeout: seconds(5), rise: 1, fall: 3 },
    startWithin: seconds(20),
    stopWithin: seconds(5),
  };
}

async function observed(): Promise<RouterObservation> {
  const seen = await embeddedRouter({ stateFolder, clock: systemClock }).observe(service);
  if (!seen.ok) throw new Error(seen.error.kind);
  return seen.value;
}

async function listing(): Promise<Extract<Awaited<ReturnType<typeof ps>>, { ok: true }>['value']> {
  const seen = await ps(stateFolder);
  if (!seen.ok) throw new Error(seen.error.message);
  return seen.value;
}

/** The status of one request on a connection of its own, 0 when there was none. */
async function get({ host, port }: Endpoint): Promise<number> {
  return new Promise((resolve) => {
    const outgoing = request({ host, port, agent: false }, (answer) => {
      answer.resume();
      answer.once('end', () => resolve(answer.statusCode ?? 0));
    });
    outgoing.once('error', () => resolve(0));
    outgoing.end();
  });
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = systemClock.monotonic() + 30_000;
  while (!(await condition().catch(() => false))) {
    if (systemClock.monotonic() > deadline) throw new Error(`waited in vain until ${what}`);
    await systemClock.sleep(5);
  }
}

/** Everything that names the state folder in its command line or environment. */
function processesOf(folder: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .filter((pid) => ['cmdline', 'environ'].some((file) => contentOf(`/proc/${pid}/${file}`).includes(folder)));
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
