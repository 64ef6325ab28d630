import { lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, normalize } from 'node:path';
import { isInside } from './mounts.ts';
import type { Sight } from './view.ts';

/** Whose programs are to be seen inside: those of PATH, of a user with this home folder. */
export type ProgramFolderOptions = { readonly path: string; readonly home: string };

/** What a program that was installed for itself (a Node, a virtual environment) has beside its `bin`. */
const ofAPrefix = ['bin', 'sbin', 'lib', 'lib64', 'libexec', 'include', 'share', 'pyvenv.cfg'];

/** Some keep more there, under names that mean something else elsewhere; each is known by a file that says what it is. */
const distributions = [
  { file: 'release', says: /^JAVA_VERSION=/m, names: ['release', 'conf', 'jmods', 'jre', 'legal'] },
  { file: 'VERSION', says: /^go\d/, names: ['VERSION', 'go.env', 'pkg', 'src', 'misc'] },
];

/** Of a folder that a user keeps all kinds of things in (`~`, `~/.local`, `~/.cargo`), only what cannot be anything but parts of programs. */
const ofAHome = ['bin', 'sbin', 'lib', 'lib64', 'libexec'];

/** Parts of the system that are seen anyway, or that no program is looked for in: they hold everything, or other people's files. */
const never = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/etc', '/proc', '/sys', '/dev', '/run', '/var/run'];
const tooMuch = ['/', '/home', '/root', '/tmp', '/var', '/var/tmp', '/opt', '/srv', '/mnt', '/media'];

/** Links in a folder of programs that are followed: a package manager may keep thousands. */
const mostLinks = 256;

/**
 * Folders of programs that are not the system's, read-only at their own path, so that what is found in PATH outside runs inside too. The rule, for each folder of PATH:
 *
 * - it is resolved, and left out where it is the system's, or so general that it says nothing (`/`, `/home`, `/tmp`, the home folder, anything above it);
 * - `<x>/bin` brings what programs have beside it (`lib`, `share`, …), by name, and for a JDK or a Go what they have besides; where `<x>` is the home folder or lies directly in it
 *   (`~/.local`, `~/.cargo`), only `lib` and `libexec`: there, `share` holds keyrings;
 * - `node_modules/.bin` brings that `node_modules`;
 * - a link in it that leads elsewhere brings what it leads to, by the same rule, or that one file;
 * - a file in it that its owner alone may read and that is no program is covered: nobody keeps a program like that, but credentials.
 */
export function programFolders({ path, home }: ProgramFolderOptions): readonly Sight[] {
  const seen = new Map<string, Sight>();
  const show = (sight: Sight): void =>
    void seen.set(sight.kind === 'link' ? sight.path : sight.kind === 'same' ? sight.path : sight.to, sight);
  for (const word of new Set(path.split(':').filter((each) => isAbsolute(each)))) {
    const named = normalize(word).replace(/(?<=.)\/$/, '');
    const folder = realFolder(named);
    if (folder === undefined || isGeneral(folder, home)) continue;
    for (const sight of partsOf(folder, home)) show(sight);
    for (const sight of linkedFrom(folder, home, [...seen.keys()])) show(sight);
    // Somebody who looks for the folder under its name in PATH finds it, too.
    if (folder !== named && !covered(named, [...seen.keys()]) && parentIsPlain(named)) show({ kind: 'link', target: folder, path: named });
  }
  const own = [...seen.values()].filter((sight) => !isWithinAnother(sight, seen));
  return [...own, ...own.flatMap(coversOf)].toSorted((a, b) => placeOf(a).length - placeOf(b).length);
}

function partsOf(folder: string, home: string): readonly Sight[] {
  const around = dirname(folder);
  if (basename(folder) === '.bin' && basename(around) === 'node_modules') return [bind(around)];
  if (!['bin', 'sbin'].includes(basename(folder)) || isGeneral(around, home))
    return isGeneral(around, home) ? [bind(folder), ...libsOf(around, home)] : [bind(folder)];
  const names =
    dirname(around) === home
      ? ofAHome
      : [...ofAPrefix, ...distributions.flatMap(({ file, says, names: more }) => (says.test(beginningOf(join(around, file))) ? more : []))];
  return [bind(folder), ...names.map((name) => join(around, name)).flatMap(plain)];
}

/** `~/bin` goes with `~/lib`; what lies beside `/opt/bin` belongs to nobody in particular. */
const libsOf = (around: string, home: string): readonly Sight[] =>
  around === home ? ofAHome.map((name) => join(around, name)).flatMap(plain) : [];

/** What links in a folder of programs lead to, beyond what is seen already. */
function linkedFrom(folder: string, home: string, places: readonly string[]): readonly Sight[] {
  const links = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isSymbolicLink());
  return links.slice(0, mostLinks).flatMap((entry) => {
    const target = realFile(join(folder, entry.name));
    if (target === undefined || covered(target, places)) return [];
    const holder = dirname(target);
    return ['bin', 'sbin', '.bin'].includes(basename(holder)) && !isGeneral(holder, home) ? partsOf(holder, home) : [bind(target, 'file')];
  });
}

/** Files that are no programs and that their owner alone may read: an empty file is seen in their place. */
function coversOf(sight: Sight): readonly Sight[] {
  if (sight.kind !== 'bind' || sight.type !== 'folder') return [];
  return readdirSync(sight.from).flatMap((name): readonly Sight[] => {
    const facts = lstatSync(join(sight.from, name), { throwIfNoEntry: false });
    const secret = facts?.isFile() === true && (facts.mode & 0o177) === 0 && (facts.mode & 0o400) !== 0;
    return secret ? [{ kind: 'bind', from: '/dev/null', to: join(sight.to, name), type: 'file' }] : [];
  });
}

function isGeneral(folder: string, home: string): boolean {
  return tooMuch.includes(folder) || isInside(folder, home) || never.some((each) => isInside(each, folder));
}

const covered = (path: string, places: readonly string[]): boolean => [...never, ...places].some((place) => isInside(place, path));

function isWithinAnother(sight: Sight, all: ReadonlyMap<string, Sight>): boolean {
  return [...all.values()].some(
    (other) =>
      other !== sight &&
      other.kind === 'bind' &&
      other.type === 'folder' &&
      placeOf(other) !== placeOf(sight) &&
      isInside(placeOf(other), placeOf(sight)),
  );
}

const placeOf = (sight: Sight): string => (sight.kind === 'bind' ? sight.to : sight.path);

const bind = (path: string, type: 'folder' | 'file' = 'folder'): Sight => ({ kind: 'bind', from: path, to: path, type });

/** A part of a distribution; a link is left out unless it stays beside it, where it is brought by its own name. */
function plain(path: string): readonly Sight[] {
  const facts = lstatSync(path, { throwIfNoEntry: false });
  if (facts === undefined) return [];
  if (facts.isSymbolicLink()) {
    const target = readlinkSync(path);
    return target.includes('/') ? [] : [{ kind: 'link', target, path }];
  }
  return facts.isDirectory() ? [bind(path)] : facts.isFile() ? [bind(path, 'file')] : [];
}

const parentIsPlain = (path: string): boolean => realFolder(dirname(path)) === dirname(path);

/** A file that says what a distribution is says it in its first lines. */
function beginningOf(path: string): string {
  const facts = lstatSync(path, { throwIfNoEntry: false });
  return facts?.isFile() === true && facts.size < 65_536 ? readFileSync(path, 'utf8') : '';
}

function realFolder(path: string): string | undefined {
  const real = realpathOf(path);
  return real !== undefined && statSync(real).isDirectory() ? real : undefined;
}

function realFile(path: string): string | undefined {
  const real = realpathOf(path);
  return real !== undefined && statSync(real).isFile() ? real : undefined;
}

function realpathOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
