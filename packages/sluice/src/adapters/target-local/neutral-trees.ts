import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { removeTree } from '#host';
import type { Layout } from './layout.ts';

/** Folders of packages that Node would look into for code that is missing below `folder`: each is outside of every digest. */
export function packagesAbove(folder: string): readonly string[] {
  const found: string[] = [];
  for (let at = dirname(folder); ; at = dirname(at)) {
    const packages = join(at, 'node_modules');
    if (existsSync(packages)) found.push(packages);
    if (at === dirname(at)) return found;
  }
}

/**
 * Where trees are extracted so that nothing above them is code to anybody: in the state folder, unless that lies in a project with packages. Then below the user's own
 * state, then in a private folder of the machine. Undefined when packages lie above all of them.
 */
export function neutralTrees(layout: Layout): string | undefined {
  const places = [
    () => layout.trees,
    () => ownFolder(userState(), layout),
    () => ownFolder('/var/tmp', layout),
    () => ownFolder('/tmp', layout),
  ];
  for (const [at, place] of places.entries()) {
    // A project without packages gets them the next time that somebody installs some: instances that run from it could not be started again then.
    const folder = at === 0 && isInProject(layout.trees) ? undefined : attempted(place);
    if (folder !== undefined && packagesAbove(join(folder, 'tree')).length === 0) return folder;
  }
  return undefined;
}

function isInProject(folder: string): boolean {
  if (existsSync(join(folder, 'package.json'))) return true;
  return folder !== dirname(folder) && isInProject(dirname(folder));
}

/** Every folder in which trees of this state folder may lie. */
export const treeFolders = (layout: Layout): readonly string[] =>
  [layout.trees, ...[userState(), '/var/tmp', '/tmp'].map((parent) => ownName(parent, layout))].filter((folder) => existsSync(folder));

/** Trees that state folders left behind which are gone. */
export function removeOrphanedTrees(): void {
  for (const parent of [userState(), '/var/tmp', '/tmp'])
    for (const name of namesIn(parent).filter((each) => each.startsWith(prefix()))) {
      const folder = join(parent, name);
      const owner = isOurs(folder) ? attempted(() => readFileSync(join(folder, treeOwnerFile), 'utf8')) : undefined;
      if (owner !== undefined && !existsSync(owner)) removeTree(folder);
    }
}

/** Names the state folder that trees outside of it belong to. */
export const treeOwnerFile = '.state-folder';
const ownId = (): number => process.getuid?.() ?? 0;
const prefix = (): string => `sluice-trees-${ownId()}-`;
const userState = (): string => join(homedir(), '.local/state');
const ownName = (parent: string, { stateFolder }: Layout): string =>
  join(parent, `${prefix()}${createHash('sha256').update(stateFolder).digest('hex').slice(0, 16)}`);

function ownFolder(parent: string, layout: Layout): string {
  const folder = ownName(parent, layout);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Anybody may make names in /tmp: what somebody else made first is not ours to run programs from.
  if (!isOurs(folder)) throw new Error(`${folder} belongs to somebody else`);
  const owner = join(folder, treeOwnerFile);
  if (!existsSync(owner)) writeFileSync(owner, layout.stateFolder, { mode: 0o600 });
  return folder;
}

function isOurs(folder: string): boolean {
  const stats = attempted(() => lstatSync(folder));
  return stats?.isDirectory() === true && stats.uid === ownId() && (stats.mode & 0o077) === 0;
}

function namesIn(folder: string): readonly string[] {
  return attempted(() => readdirSync(folder)) ?? [];
}

function attempted<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
