import { realpathSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { confinedHome, type Confinement, type Isolation, type Mount } from '#kernel';
import type { SlotOrder } from '#rollout';
import { searchPath } from './executable.ts';
import { controlSocket, lastingFolder, scratchFolder, type Layout } from './layout.ts';

/** Where an instance finds what it is given, as it sees it itself. */
export type InstancePlace = {
  readonly isolation: Isolation;
  readonly tree: string;
  readonly control: string;
  readonly home: string;
  readonly temporary: string;
  readonly folder: (name: string) => string;
};

/** Which instance, of what. */
export type InstanceSite = {
  readonly layout: Layout;
  readonly order: SlotOrder;
  readonly tree: string;
  readonly instance: string;
  readonly token: string;
};

/** The artifact as a confined instance sees it: nothing above it is a folder of packages, and the path tells nothing. */
const artifactInside = '/app';
const controlInside = '/run/sluice';
const foldersInside = '/data';
/** Temporary files of a confined instance lie in memory: what needs more has a folder for it. */
const SCRATCH_BYTES = 1024 ** 3;
/** What every confined process sees of the machine anyway. */
const system = /^\/(?:usr|bin|sbin|lib(?:32|64|x32)?)\//;

/** Where things are for an instance. Outside of a sandbox it has its home and its temporary folder for itself too: code and credentials of the user are in neither. */
export function placeOf(site: InstanceSite, isolation: Isolation): InstancePlace {
  const { layout, order, tree, instance, token } = site;
  if (isolation !== 'none')
    return {
      isolation,
      tree: artifactInside,
      control: `${controlInside}/c.sock`,
      home: confinedHome,
      temporary: '/tmp',
      folder: (name) => `${foldersInside}/${name}`,
    };
  const scratch = join(scratchFolder(layout, order.service, order.slot), instance);
  return {
    isolation,
    tree,
    control: controlSocket(layout, token),
    home: join(scratch, 'home'),
    temporary: join(scratch, 'tmp'),
    folder: (name) => lastingFolder(layout, order.service, name),
  };
}

/** Makes the folders that an instance is given. */
export async function makePlace(site: InstanceSite, place: InstancePlace): Promise<void> {
  const { layout, order, token } = site;
  const lasting = Object.values(order.folders).map((name) => lastingFolder(layout, order.service, name));
  const own = place.isolation === 'none' ? [place.home, place.temporary] : [];
  for (const folder of [...lasting, ...own, dirname(controlSocket(layout, token))]) await mkdir(folder, { recursive: true, mode: 0o700 });
}

/** All that a confined instance sees: its artifact, its folders, the folder of its control socket, and programs of its start command that are not the system's. */
export function confinementOf(site: InstanceSite, programs: readonly string[]): Confinement {
  const { layout, order, tree, token } = site;
  const mounts: readonly Mount[] = [
    { from: realpathSync(tree), to: artifactInside, access: 'read' },
    { from: realpathSync(dirname(controlSocket(layout, token))), to: controlInside, access: 'write' },
    ...[...new Set(Object.values(order.folders))].map((name): Mount => ({
      from: realpathSync(lastingFolder(layout, order.service, name)),
      to: `${foldersInside}/${name}`,
      access: 'write',
    })),
  ];
  const seen = [...searchPath.split(delimiter).map((folder) => `${folder}/`), `${tree}/`];
  const missing = new Set(programs.filter((program) => !system.test(program) && !seen.some((folder) => program.startsWith(folder))));
  return {
    // The router reaches it over the loopback interface of the machine.
    network: 'full',
    mounts: [...mounts, ...[...missing].map((program): Mount => ({ from: program, to: program, access: 'read' }))],
    limits: { scratchBytes: SCRATCH_BYTES, ...order.limits },
  };
}
