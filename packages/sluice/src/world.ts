import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { World } from '#cli';
import type { Delivery } from '#define';
import { ownCommand, readRegularFile, siblingModule, systemClock, systemIds } from '#host';
import { err, ok } from '#kernel';
import type { Interrupts } from './interrupts.ts';

/** The folder of this package: sources and emitted code both lie one level below it. */
const packageFolder = dirname(import.meta.dirname);

/** Keys, checkpoints and identities have a few kilobytes. */
const largestNamedFile = 1024 * 1024;

/** Everything outside of the commands: adapters are loaded when a command asks for them, so that starting costs only what is used. */
export function makeWorld(given: { readonly interrupts: Interrupts; readonly env: Readonly<Record<string, string | undefined>> }): World {
  const cwd = process.cwd();
  return {
    version: readVersion(),
    cwd,
    env: given.env,
    clock: systemClock,
    ids: systemIds,
    get interrupt() {
      return given.interrupts.interrupt;
    },
    get force() {
      return given.interrupts.force;
    },
    asked: given.interrupts.asked,
    self: ownCommand(siblingModule(import.meta.url, './main')),
    exchangeFolder: [join(packageFolder, 'exchange'), join(packageFolder, '../../workloads/exchange')].find((folder) =>
      existsSync(join(folder, 'sluice.config.ts')),
    ),
    readFile: (path) => {
      const read = readRegularFile(path, largestNamedFile);
      return read.ok ? read : err(read.error.message);
    },
    loadProject: async () => {
      const { nearestConfig, loadConfig } = await import('#config-file');
      const place = nearestConfig(cwd);
      if (!place.ok) return err(place.error);
      const loaded = await loadConfig(place.value.folder);
      // What `defineDelivery` made has its shape; whether it makes sense is for `plan` to say.
      return loaded.ok ? ok({ ...place.value, delivery: loaded.value.delivery as Delivery }) : err(loaded.error);
    },
    runMachine: async () => {
      const { localRunMachine } = await import('./run-machine.ts');
      return localRunMachine({ path: given.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin', home: homedir() });
    },
    controlPlane: async (stateFolder) => {
      const [{ localControlPlane }, folder] = await Promise.all([import('./control-plane.ts'), stateFolderOf(stateFolder)]);
      return localControlPlane(folder, { cwd, version: readVersion(), env: given.env });
    },
    isolation: async () => {
      const { openSandbox } = await import('#sandbox');
      return openSandbox({ path: given.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin', home: homedir() });
    },
    doctor: async (stateFolder) => {
      const [{ localDoctor }, folder] = await Promise.all([import('./doctor.ts'), stateFolderOf(stateFolder)]);
      return localDoctor({ stateFolder: folder, env: given.env });
    },
  };

  async function stateFolderOf(named: string | undefined): Promise<string> {
    const { nearestConfig } = await import('#config-file');
    const place = nearestConfig(cwd);
    return resolve(cwd, named ?? given.env['SLUICE_STATE'] ?? join(place.ok ? place.value.folder : cwd, '.sluice'));
  }
}

function readVersion(): string {
  const manifest = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as { readonly version: string };
  return manifest.version;
}
