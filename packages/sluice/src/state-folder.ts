import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { SluiceError } from '#kernel';

/** Makes the state folder when it is not there; refuses one that this user cannot work in, in one line. */
export async function takeStateFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw unusable(folder, error);
  }
}

/** The error of a state folder that is a file, or another user's; any other error stays what it is. */
export function unusable(folder: string, error: unknown): unknown {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  const fact =
    code === 'EEXIST' || code === 'ENOTDIR'
      ? 'is no folder'
      : code === 'EACCES' || code === 'EPERM'
        ? 'belongs to another user'
        : code === 'EROFS'
          ? 'is on a disk that cannot be written'
          : undefined;
  if (fact === undefined) return error;
  return new SluiceError('config', `the state folder ${folder} ${fact}`, {
    hint: 'name another one with --state or SLUICE_STATE',
    cause: error,
  });
}
