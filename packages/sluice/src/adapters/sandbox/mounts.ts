import { lstatSync, realpathSync } from 'node:fs';
import { isAbsolute, join, normalize, relative } from 'node:path';
import { err, ok, SluiceError, type Mount, type Result } from '#kernel';

/** A mount that was looked at: it is there, and this is what it is. */
export type CheckedMount = Mount & { readonly kind: 'folder' | 'file' };

/** What the walls themselves are made of: nothing may be mounted over these, nor inside of them. */
const ofTheWalls = ['/proc', '/dev', '/etc', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/usr/bin', '/usr/sbin', '/usr/lib'];

/** Looks at mounts before anything is started, outermost first: what cannot be mounted as it was meant is refused here, and not half done. */
export function checkedMounts(mounts: readonly Mount[]): Result<readonly CheckedMount[], SluiceError> {
  const checked: CheckedMount[] = [];
  for (const mount of mounts.toSorted((a, b) => depth(a.to) - depth(b.to))) {
    const kind = kindOf(mount.from);
    if (!kind.ok) return kind;
    const problem = problemOfPlace(mount, checked);
    if (problem !== undefined) return err(new SluiceError('config', `cannot mount ${mount.from} at ${shown(mount.to)}: ${problem}`));
    checked.push({ ...mount, kind: kind.value });
  }
  return ok(checked);
}

/** Where a file of the machine is seen through mounts, by the innermost that holds it. */
export function seenThrough(mounts: readonly Mount[], path: string): string | undefined {
  const holder = innermost(mounts, path, (mount) => mount.from);
  return holder === undefined ? undefined : join(holder.to, relative(holder.from, path));
}

/** The way back: which path of the machine is meant by one that is seen inside. A path that no mount holds means itself. */
export function machinePath(mounts: readonly Mount[], path: string): string {
  const holder = innermost(mounts, path, (mount) => mount.to);
  return holder === undefined ? path : join(holder.from, relative(holder.to, path));
}

/** Whether a path is this folder, or below it. */
export function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === '' || (way !== '..' && !way.startsWith('../') && !isAbsolute(way));
}

function kindOf(from: string): Result<CheckedMount['kind'], SluiceError> {
  const refused = (why: string): Result<never, SluiceError> => err(new SluiceError('config', `cannot mount ${shown(from)}: ${why}`));
  if (!isPlain(from)) return refused('it is no absolute, plain path');
  try {
    if (realpathSync(from) !== from) return refused('a part of its path is a link');
    const facts = lstatSync(from);
    return ok(facts.isDirectory() ? 'folder' : 'file');
  } catch (error) {
    return refused((error as NodeJS.ErrnoException).code === 'ENOENT' ? 'it is not there' : (error as Error).message);
  }
}

function problemOfPlace({ from, to }: Mount, outer: readonly CheckedMount[]): string | undefined {
  if (!isPlain(to) || to === '/') return 'that is no absolute, plain path';
  if (ofTheWalls.some((each) => isInside(each, to) || isInside(to, each))) return 'that is a part of the system';
  if (outer.some((each) => each.to === to)) return 'something else is mounted there';
  const around = innermost(outer, to, (each) => each.to);
  if (around === undefined) return undefined;
  // The place lies in a folder that others fill: it must be there, and be no link of theirs.
  const place = join(around.from, relative(around.to, to));
  try {
    if (realpathSync(place) === place && lstatSync(place).isDirectory() === lstatSync(from).isDirectory()) return undefined;
  } catch {
    // Not there: the sentence below says so.
  }
  return `${place} must be there first, as a plain ${lstatSync(from).isDirectory() ? 'folder' : 'file'}`;
}

const isPlain = (path: string): boolean =>
  isAbsolute(path) && normalize(path) === path && (path === '/' || !path.endsWith('/')) && !/[\n\0]/.test(path);

const depth = (path: string): number => path.split('/').length;

const shown = (path: string): string => JSON.stringify(path);

function innermost<M extends Mount>(mounts: readonly M[], path: string, at: (mount: M) => string): M | undefined {
  return mounts.filter((mount) => isInside(at(mount), path)).toSorted((a, b) => depth(at(b)) - depth(at(a)))[0];
}
