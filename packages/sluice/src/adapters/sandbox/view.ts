import { lstatSync, readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** One thing that is seen inside besides what the caller mounts. All of it is read-only, and tells nothing that every user of the machine may not know. */
export type Sight =
  | { readonly kind: 'bind'; readonly from: string; readonly to: string; readonly type: 'folder' | 'file' }
  /** Small things of the system at their own path: bound, or copied. */
  | { readonly kind: 'same'; readonly path: string }
  | { readonly kind: 'link'; readonly target: string; readonly path: string };

const systemFolders = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];

/**
 * What programs need of /etc to run at all: never the folder itself, because a user namespace of root may read what only root may. Not here: gitconfig, npmrc, pip.conf and their
 * kind, which may hold credentials. Users and groups are made up.
 */
const ofEtc = `
  nsswitch.conf hosts host.conf gai.conf protocols services networks shells localtime timezone
  locale.alias ld.so.cache ld.so.conf ld.so.conf.d alternatives mime.types magic magic.mime
  os-release debian_version xattr.conf ca-certificates ca-certificates.conf ssl/certs ssl/openssl.cnf
  pki/ca-trust pki/tls/certs pki/tls/openssl.cnf crypto-policies fonts perl terminfo maven/m2.conf
  maven/logging
`
  .trim()
  .split(/\s+/);

/** Java keeps its own configuration there, under a name with its version. */
const javaInEtc = /^java-[\w.-]+$/;

/** A folder with more than this is none of those that were meant. */
const mostEntries = 5_000;

/** The parts of this machine's system that every confined process sees. */
export function systemView(): readonly Sight[] {
  return [...systemFolders.flatMap(systemSight), ...etcNames().flatMap(etcSight)];
}

/** The file that says where names are resolved, for those who may use the network: often a link into /run. */
export function resolverSight(): readonly Sight[] {
  const from = realpathOf('/etc/resolv.conf');
  return from === undefined || !isPublic(from) ? [] : [{ kind: 'bind', from, to: '/etc/resolv.conf', type: 'file' }];
}

function systemSight(path: string): readonly Sight[] {
  const facts = lstatSync(path, { throwIfNoEntry: false });
  if (facts === undefined) return [];
  if (facts.isSymbolicLink()) return [{ kind: 'link', target: readlinkSync(path), path }];
  return facts.isDirectory() ? [{ kind: 'bind', from: path, to: path, type: 'folder' }] : [];
}

function etcNames(): readonly string[] {
  const java = namesIn('/etc').filter((name) => javaInEtc.test(name));
  return [...ofEtc, ...java];
}

function etcSight(name: string): readonly Sight[] {
  const path = join('/etc', name);
  const facts = lstatSync(path, { throwIfNoEntry: false });
  if (facts === undefined) return [];
  if (facts.isSymbolicLink()) {
    // Links of the system point into /usr; what one of another kind points at, nobody looked at.
    return realpathOf(path)?.startsWith('/usr/') === true ? [{ kind: 'link', target: readlinkSync(path), path }] : [];
  }
  return isPublic(path) ? [{ kind: 'same', path }] : [];
}

/** Whether everybody on this machine may read all of it. */
function isPublic(path: string): boolean {
  let left = mostEntries;
  const look = (at: string): boolean => {
    left -= 1;
    if (left < 0) return false;
    const facts = lstatSync(at);
    if (facts.isSymbolicLink()) return true;
    if (facts.isDirectory()) return (facts.mode & 0o005) === 0o005 && readdirSync(at).every((name) => look(join(at, name)));
    return facts.isFile() && (facts.mode & 0o004) !== 0;
  };
  try {
    return look(path);
  } catch {
    return false;
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function realpathOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}

/** Whether a folder of the system holds something that others put there and that may be private; hidden inside when it is there. */
export const hiddenFolders = ['/usr/local/etc'].filter((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false);
