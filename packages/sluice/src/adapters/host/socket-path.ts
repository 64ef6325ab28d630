import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { openOwnFolder } from './own-folder.ts';

/** The longest path a Unix socket address holds on Linux and macOS, with room for the closing zero. */
const longestSocketPath = 100;

/**
 * Where the control socket `name` of a state folder lives: inside the folder, or, when that path is too long for a socket address,
 * in a private folder below /tmp named by the digest of the state folder. Not below TMPDIR: processes with different environments must find the same one.
 */
export function socketPath(stateFolder: string, name: string): string {
  const inside = join(stateFolder, `${name}.sock`);
  if (Buffer.byteLength(inside) <= longestSocketPath) return inside;
  const own = process.getuid?.() ?? 0;
  const folder = join('/tmp', `sluice-${own}-${createHash('sha256').update(stateFolder).digest('hex').slice(0, 16)}`);
  // Anybody may make names in /tmp: a folder that somebody else made first must not become our control socket's home.
  openOwnFolder(folder, 'remove it, or name a shorter state folder with --state')[Symbol.dispose]();
  return join(folder, `${name}.sock`);
}
