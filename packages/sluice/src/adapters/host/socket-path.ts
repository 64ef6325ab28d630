import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

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
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Anybody may make names in /tmp: a folder that somebody else made first must not become our control socket's home.
  const { uid, mode } = lstatSync(folder);
  if (uid !== own || (mode & 0o77) !== 0) throw new Error(`${folder} belongs to somebody else; remove it`);
  return join(folder, `${name}.sock`);
}
