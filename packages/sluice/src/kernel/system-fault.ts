/** What a machine refused, in words: the fact, and what a person can do about it. */
export type SystemFault = { readonly code: string; readonly fact: string; readonly hint: string };

const hints: Readonly<Record<string, readonly [fact: string, hint: string]>> = {
  ENOSPC: ['the disk is full', 'free some space, then try again'],
  EDQUOT: ['the disk quota is used up', 'free some space, then try again'],
  EMFILE: ['too many files are open', 'raise the limit (ulimit -n), then try again'],
  ENFILE: ['the machine has too many files open', 'end what holds them, then try again'],
  ENOMEM: ['there is no memory left', 'free some, then try again'],
  EAGAIN: ['the machine starts no more processes', 'raise the limit (ulimit -u), or end some, then try again'],
  EACCES: ['permission denied', 'see who owns it and what its mode is'],
  EPERM: ['not permitted', 'see who owns it and what its mode is'],
  EROFS: ['the disk cannot be written to', 'mount it writable, or use another folder'],
  ENOENT: ['it is not there', 'see who removed it'],
  ENOTDIR: ['a part of the path is no folder', 'see what stands there'],
  EISDIR: ['it is a folder', 'see what stands there'],
  EEXIST: ['something stands there already', 'see what stands there'],
  ENOTEMPTY: ['the folder is not empty', 'see what stands there'],
  ENAMETOOLONG: ['the path is too long', 'use a shorter name or folder'],
  ELOOP: ['its links lead in a circle', 'see where they lead'],
  E2BIG: ['its arguments and variables are larger than the system allows', 'hand large values over in a file'],
  EIO: ['the device failed', 'see the log of the system'],
  ESTALE: ['the file server lost it', 'try again'],
  ENOEXEC: ['it is no program that this machine can run', 'see for which machine it was made'],
  ETXTBSY: ['it is being written', 'try again'],
  EBUSY: ['it is in use', 'try again'],
  EFBIG: ['the file is larger than allowed', 'raise the limit (ulimit -f)'],
  EPIPE: ['the other end is closed', 'see who was to read it'],
};

/** What the operating system said, when it was the operating system that failed a call; undefined for anything else, which is a mistake of ours. */
export function systemFault(thrown: unknown): SystemFault | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const { code, syscall, path } = thrown as Error & { readonly code?: unknown; readonly syscall?: unknown; readonly path?: unknown };
  if (typeof code !== 'string' || !/^E[A-Z0-9]+$/.test(code) || typeof syscall !== 'string') return undefined;
  if (syscall === 'uv_cwd') return { code, fact: 'the folder you are in is gone', hint: 'cd to one that is there' };
  const [fact, hint] = hints[code] ?? [`${code} (${syscall})`, 'see what the system says of it'];
  return { code, fact: typeof path === 'string' ? `${path}: ${fact}` : fact, hint };
}
