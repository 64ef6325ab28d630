import { confinedHome } from '#kernel';

/** Who a confined process is, in its own eyes: the user it was started by, but never root, whom many programs treat as somebody who may do anything. */
export const insideUser = { uid: notRoot(process.getuid?.()), gid: notRoot(process.getgid?.()) };

function notRoot(id: number | undefined): number {
  return id === undefined || id === 0 ? 1_000 : id;
}

/** Users and groups of the inside, in place of the machine's. */
export const passwd = [
  'root:x:0:0:root:/nonexistent:/usr/sbin/nologin',
  `sluice:x:${insideUser.uid}:${insideUser.gid}:sluice:${confinedHome}:/bin/sh`,
  ...(insideUser.uid === 65_534 ? [] : ['nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin']),
].join('\n');

/** The groups that go with them. */
export const group = ['root:x:0:', `sluice:x:${insideUser.gid}:`, ...(insideUser.gid === 65_534 ? [] : ['nogroup:x:65534:'])].join('\n');

/** Device files that a confined process finds, besides terminals of its own. */
export const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty'] as const;
