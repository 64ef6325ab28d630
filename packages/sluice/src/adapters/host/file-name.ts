import { isUtf8 } from 'node:buffer';

/**
 * Names of files are bytes, and not all of them are text. In Sluice a path is a string in which each byte that is no UTF-8 stands as NUL and its two
 * hexadecimal digits: NUL is the one character that no name holds, so two files never have one string, and every other name is as it is read.
 */
export function nameFromBytes(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();
  let name = '';
  for (let at = 0; at < bytes.length;) {
    const length = characterLength(bytes, at);
    name += length === 0 ? `\0${bytes.toString('hex', at, at + 1)}` : bytes.toString('utf8', at, at + length);
    at += Math.max(1, length);
  }
  return name;
}

/** The path as the file system takes it. */
export function pathOnDisk(path: string): string | Buffer {
  if (!path.includes('\0')) return path;
  return Buffer.concat(
    path
      .split('\0')
      .map((part, at) =>
        at === 0 ? Buffer.from(part) : Buffer.concat([Buffer.from(part.slice(0, 2), 'hex'), Buffer.from(part.slice(2))]),
      ),
  );
}

/** The path for people: what is no text is shown as in a shell. */
export const shownPath = (path: string): string => path.replaceAll('\0', String.raw`\x`);

/** How many bytes the character here has; none when it is no UTF-8. */
function characterLength(bytes: Buffer, at: number): number {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length += 1) if (isUtf8(bytes.subarray(at, at + length))) return length;
  return 0;
}
