import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { confinedHome, ok, type Confinement, type Sandbox } from '#kernel';
import { insideCommand, outsideStart } from './confined-start.ts';
import type { Limiter } from './control-groups.ts';
import { devices, group, insideUser, passwd } from './inside.ts';
import { checkedMounts, isInside, seenThrough, type CheckedMount } from './mounts.ts';
import { build, newRoot } from './scripts.ts';
import { hiddenFolders, resolverSight, type Sight } from './view.ts';

/** The same walls as bubblewrap's, built with util-linux, which every Linux has. It takes some more programs, and so some more milliseconds. */
export function namespaces(view: readonly Sight[], limiter: Limiter): Sandbox {
  return {
    isolation: 'namespaces',
    because: '',
    enforces: [...limiter.enforces, 'scratchBytes'],
    seenAt: seenThrough,
    confine: (program, confinement) => {
      const mounts = checkedMounts(confinement.mounts);
      if (!mounts.ok) return mounts;
      const inside = insideCommand(program);
      if (!inside.ok) return inside;
      const spaces = [
        '--user',
        '--map-root-user',
        '--mount',
        '--pid',
        '--ipc',
        '--uts',
        ...(confinement.network === 'full' ? [] : ['--net']),
      ];
      const leave = [
        'unshare',
        '--user',
        `--map-user=${insideUser.uid}`,
        `--map-group=${insideUser.gid}`,
        '--',
        'setpriv',
        '--no-new-privs',
      ];
      const seen = [...view, ...(confinement.network === 'full' ? resolverSight() : [])];
      const words = [
        'setpriv',
        '--pdeathsig',
        'KILL',
        'unshare',
        ...spaces,
        '--fork',
        '--kill-child=KILL',
        '--',
        '/bin/sh',
        '-c',
        build,
        'sluice-build',
        passwd,
        group,
        ...placing(seen, mounts.value, confinement),
        '--',
        ...leave,
        ...limiter.inside(confinement.limits),
        ...inside.value,
      ];
      return ok(outsideStart(words, limiter.outside(confinement.limits), program.env));
    },
  };
}

/** What is there whatever is mounted; `.old` is where the machine lies until it is let go. */
const ownFolders = ['/.old', '/etc', '/proc', '/dev/pts', '/dev/shm', confinedHome, '/run', '/var'];

/** The words that `build` takes about files. */
function placing(seen: readonly Sight[], mounts: readonly CheckedMount[], { limits }: Confinement): readonly string[] {
  const binds: readonly CheckedMount[] = [
    ...seen.flatMap((sight): readonly CheckedMount[] =>
      sight.kind === 'bind' ? [{ from: sight.from, to: sight.to, kind: sight.type, access: 'read' }] : [],
    ),
    ...devices.map((name): CheckedMount => ({ from: `/dev/${name}`, to: `/dev/${name}`, access: 'write', kind: 'file' })),
  ];
  // A place inside of another mount is there already, and looked at.
  const places = [...binds, ...mounts.filter(({ to }) => !mounts.some((outer) => outer.to !== to && isInside(outer.to, to)))];
  const links = seen.flatMap((sight) => (sight.kind === 'link' ? [sight] : []));
  const around = [...places.map(({ to, kind }) => (kind === 'folder' ? to : dirname(to))), ...links.map(({ path }) => dirname(path))];
  const files = places.flatMap(({ to, kind }) => (kind === 'file' ? [to] : []));
  const copies = [
    ...seen.flatMap((sight) => (sight.kind === 'same' ? [sight.path] : [])),
    '/dev/fd',
    '/dev/stdin',
    '/dev/stdout',
    '/dev/stderr',
  ];
  const size = limits.scratchBytes === undefined ? '' : `,size=${limits.scratchBytes}`;
  const lines = [
    ...binds.flatMap(bindLines),
    `devpts ${newRoot}/dev/pts devpts newinstance,ptmxmode=0666,mode=620,nosuid,noexec 0 0`,
    `tmpfs ${newRoot}/dev/shm tmpfs mode=1777,nosuid,nodev${size} 0 0`,
    ...hiddenFolders.map((path) => `tmpfs ${newRoot}${path} tmpfs ro,nosuid,nodev,size=4k 0 0`),
    `proc ${newRoot}/proc proc nosuid,nodev,noexec 0 0`,
    ...kernelSettings().map((path) => `${path} ${newRoot}${path} none bind,ro,nosuid,nodev,noexec 0 0`),
    ...mounts.flatMap(bindLines),
  ];
  const within = (paths: readonly string[]): string => [...new Set(paths)].map((path) => `${newRoot}${path}`).join('\n');
  const pairs = [...links, { target: 'pts/ptmx', path: '/dev/ptmx' }, { target: '../tmp', path: '/var/tmp' }];
  return [
    `mode=1777,nosuid,nodev${size}`,
    lines.join('\n'),
    within([...ownFolders, ...around]),
    within(files),
    copies.join('\n'),
    ...pairs.flatMap(({ target, path }) => [target, `${newRoot}${path}`]),
  ];
}

/** A bind with everything that is mounted below it. Read-only does not reach what is below: each is mounted over by itself. */
function bindLines({ from, to, access, kind }: CheckedMount): readonly string[] {
  const device = to.startsWith('/dev/');
  const flags = device ? 'nosuid' : `${access === 'read' ? 'ro,' : ''}nosuid,nodev`;
  const line = (source: string, place: string, bind: string): string =>
    `${fstabWord(source)} ${fstabWord(`${newRoot}${place}`)} none ${bind},${flags} 0 0`;
  if (kind === 'file') return [line(from, to, 'bind')];
  const below = access === 'read' ? mountPoints().filter((point) => point !== from && isInside(from, point)) : [];
  return [line(from, to, 'rbind'), ...below.map((point) => line(point, to + point.slice(from.length), 'bind'))];
}

/** What is mounted on this machine, outermost first. */
function mountPoints(): readonly string[] {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const points = lines
    .flatMap((line) => line.split(' ')[4] ?? [])
    .map((word) => word.replaceAll(/\\(?<octal>[0-7]{3})/g, (_, octal: string) => String.fromCodePoint(Number.parseInt(octal, 8))));
  return [...new Set(points)].toSorted((a, b) => a.length - b.length);
}

/**
 * What of /proc is not about a process and may be written by somebody: what root owns there stays root's to write without any capability. All of /proc cannot be read-only here,
 * as bubblewrap makes it, because the last step into the walls writes there.
 */
function kernelSettings(): readonly string[] {
  return readdirSync('/proc').flatMap((name) => {
    const path = join('/proc', name);
    const facts = /^\d+$/.test(name) ? undefined : lstatSync(path, { throwIfNoEntry: false });
    const matters = facts !== undefined && !facts.isSymbolicLink() && (facts.isDirectory() || (facts.mode & 0o222) !== 0);
    return matters ? [path] : [];
  });
}

const fstabWord = (path: string): string =>
  path.replaceAll(/[\\\s#]/g, (character) => `\\${(character.codePointAt(0) ?? 0).toString(8).padStart(3, '0')}`);
