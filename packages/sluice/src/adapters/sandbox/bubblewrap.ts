import { confinedHome, ok, type Confinement, type Sandbox } from '#kernel';
import { insideCommand, outsideStart } from './confined-start.ts';
import type { Limiter } from './control-groups.ts';
import { insideUser } from './inside.ts';
import { checkedMounts, seenThrough } from './mounts.ts';
import { hiddenFolders, resolverSight, type Sight } from './view.ts';

/** Walls built by bubblewrap, a program of its own that many distributions carry. */
export function bubblewrap(bwrap: string, view: readonly Sight[], limiter: Limiter): Sandbox {
  return {
    isolation: 'bubblewrap',
    because: '',
    enforces: [...limiter.enforces, 'scratchBytes'],
    seenAt: seenThrough,
    confine: (program, confinement) => {
      const mounts = checkedMounts(confinement.mounts);
      if (!mounts.ok) return mounts;
      const inside = insideCommand(program);
      if (!inside.ok) return inside;
      const seen = [...view, ...(confinement.network === 'full' ? resolverSight() : [])];
      const hidden = hiddenFolders.flatMap((path) => ['--tmpfs', path, '--remount-ro', path]);
      const own = mounts.value.flatMap(({ from, to, access }) => [access === 'read' ? '--ro-bind' : '--bind', from, to]);
      const walls = [...ownWorld(confinement), ...seen.flatMap(sightWords), ...hidden, ...own, '--remount-ro', '/'];
      const words = [bwrap, ...namespaces(confinement), ...walls, '--', ...limiter.inside(confinement.limits), ...inside.value];
      return ok(outsideStart(words, limiter.outside(confinement.limits), program.env));
    },
  };
}

function namespaces({ network }: Confinement): readonly string[] {
  const uid = String(insideUser.uid);
  const gid = String(insideUser.gid);
  const spaces = ['--unshare-user', '--unshare-pid', '--unshare-ipc', '--unshare-uts', ...(network === 'full' ? [] : ['--unshare-net'])];
  return [...spaces, '--disable-userns', '--uid', uid, '--gid', gid, '--die-with-parent', '--as-pid-1', '--cap-drop', 'ALL'];
}

function sightWords(sight: Sight): readonly string[] {
  switch (sight.kind) {
    case 'bind':
      return ['--ro-bind', sight.from, sight.to];
    case 'same':
      return ['--ro-bind', sight.path, sight.path];
    case 'link':
      return ['--symlink', sight.target, sight.path];
  }
}

/** Files, devices and processes that are the program's own. What root owns in /proc stays root's to write without any capability: it is read-only as a whole. */
function ownWorld({ limits }: Confinement): readonly string[] {
  const size = limits.scratchBytes === undefined ? [] : ['--size', String(limits.scratchBytes)];
  const files = [
    '--dir',
    '/etc',
    '--perms',
    '0644',
    '--ro-bind-data',
    '3',
    '/etc/passwd',
    '--perms',
    '0644',
    '--ro-bind-data',
    '4',
    '/etc/group',
  ];
  const kernel = [
    '--proc',
    '/proc',
    '--remount-ro',
    '/proc',
    '--dev',
    '/dev',
    ...size,
    '--perms',
    '1777',
    '--tmpfs',
    '/dev/shm',
    '--remount-ro',
    '/dev',
  ];
  const scratch = [
    ...size,
    '--perms',
    '1777',
    '--tmpfs',
    '/tmp',
    '--dir',
    confinedHome,
    '--dir',
    '/run',
    '--symlink',
    '../tmp',
    '/var/tmp',
  ];
  return [...files, ...kernel, ...scratch];
}
