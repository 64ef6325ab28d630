import { readdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { defaultIdentityFile, readIdentity, type ControlPlane } from '#cli';
import { existsSync } from 'node:fs';
import { checkStateFolder, isRunning, signalProcess, systemClock, type ProcessIdentity } from '#host';
import { err, ok, SluiceError } from '#kernel';
import { addressFile, ControlClient, parseAddress, readAddress, type Credential } from '#server';
import { logReader } from './log-reader.ts';
import { servingProcesses } from './serving.ts';

/** What a command's surroundings tell of the control plane it means. */
export type PlaneWorld = { readonly cwd: string; readonly version: string; readonly env: Readonly<Record<string, string | undefined>> };

/** The processes of one state folder of this machine. Adapters are loaded when they are needed: asking for a status needs none of them. */
export function localControlPlane(folder: string, world: PlaneWorld): ControlPlane {
  const stateFolder = resolve(world.cwd, folder);
  return {
    stateFolder,
    ledgerFolder: join(stateFolder, 'ledger'),
    openLog: logReader,
    // The address and the token in it are believed. Not asked for a revert, which waits for nothing and believes the router alone.
    client: async (identityFile) => {
      const elsewhere = world.env['SLUICE_URL'];
      const credential = await credentials(world, identityFile);
      if (elsewhere !== undefined && elsewhere !== '') return new ControlClient(parseAddress(elsewhere), credential);
      await checkStateFolder(stateFolder, world.env['PATH']);
      return new ControlClient(await readAddress(stateFolder), credential);
    },
    router: async () => (await import('#router-embedded')).embeddedRouter({ stateFolder, clock: systemClock }),
    services: async () => {
      const { routedServices } = await import('#router-embedded');
      const services = await routedServices({ stateFolder, clock: systemClock });
      if (services.ok) return services;
      const fact = 'message' in services.error ? services.error.message : services.error.kind;
      return err(new SluiceError('unavailable', fact, { hint: `is ${stateFolder} the right state folder? --state names another one` }));
    },
    instances: async () => {
      const { ps } = await import('#target-local');
      const listing = await ps(stateFolder);
      return listing.ok ? ok(listing.value) : err(new SluiceError('unavailable', listing.error.message));
    },
    logFiles: async (service, slot) => logFiles(join(stateFolder, 'logs', service, slot)),
    serve: async (options) => {
      const { serveControlPlane } = await import('./serve.ts');
      return serveControlPlane({ ...world, stateFolder }, options);
    },
    down: async () => {
      await checkStateFolder(stateFolder, world.env['PATH']);
      return down(stateFolder);
    },
  };
}

/** Who commands ask as: a machine that has a token, a person who has an identity; nobody of them leaves it to the operator's token, where it can be read. */
async function credentials({ env }: PlaneWorld, identityFile: string | undefined): Promise<readonly Credential[]> {
  const token = env['SLUICE_TOKEN'];
  if (identityFile === undefined && token !== undefined && token !== '') return [{ kind: 'token', token }];
  const path = identityFile ?? defaultIdentityFile(env);
  if (identityFile === undefined && !existsSync(path)) return [];
  return [{ kind: 'person', identity: await readIdentity(path), now: () => systemClock.now() }];
}

async function logFiles(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const files = await Promise.all(
    names.map(async (name) => ({ path: join(folder, name), facts: await stat(join(folder, name)).catch(() => undefined) })),
  );
  return files
    .filter((file) => file.facts?.isFile() === true)
    .toSorted((a, b) => (a.facts?.mtimeMs ?? 0) - (b.facts?.mtimeMs ?? 0))
    .map((file) => file.path);
}

/** Stops the control plane, then what it left running on purpose: instances, agent, router, and the embedded database last. */
async function down(stateFolder: string): Promise<readonly string[]> {
  const stopped: string[] = [];
  for (const serving of await servingProcesses(stateFolder)) {
    await endProcess(serving);
    stopped.push(`control plane (pid ${serving.pid})`);
  }
  await rm(join(stateFolder, addressFile), { force: true });
  const [{ stopAgent }, { embeddedRouterOf }] = await Promise.all([import('#target-local'), import('./agent-main.ts')]);
  const agent = await stopAgent({ stateFolder, instances: true, supervision: embeddedRouterOf(stateFolder) });
  if (!agent.ok) throw new SluiceError('unavailable', agent.error.message);
  stopped.push('instances, router and agent');
  const { stopPostgresOf } = await import('#postgres-server');
  if (await stopPostgresOf(join(stateFolder, 'postgres'))) stopped.push('embedded database');
  return stopped;
}

/** How long a control plane may take to leave by itself, in milliseconds: it finishes the step it is in. */
const leaveWithin = 15_000;

async function endProcess(serving: ProcessIdentity): Promise<void> {
  const deadline = systemClock.monotonic() + leaveWithin;
  signalProcess(serving, 'SIGTERM');
  while (isRunning(serving)) {
    // Safe at any moment (I4), only slower to go on from.
    if (systemClock.monotonic() > deadline) signalProcess(serving, 'SIGKILL');
    await systemClock.sleep(20);
  }
}
