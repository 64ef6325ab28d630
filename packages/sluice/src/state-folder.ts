import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { takeStateFolder as takeOwn } from '#host';
import { SluiceError, systemFault } from '#kernel';

/** Makes the state folder when it is not there; refuses one that is not ours or that this user cannot work in, in one line. */
export async function takeStateFolder(folder: string): Promise<void> {
  try {
    await mkdir(dirname(folder), { recursive: true, mode: 0o700 });
    await takeOwn(folder);
  } catch (error) {
    throw unusable(folder, error);
  }
}

/** The error of a state folder that is a file, or another user's; any other error stays what it is. */
function unusable(folder: string, error: unknown): unknown {
  const fault = systemFault(error);
  if (fault === undefined) return error;
  return new SluiceError('config', `the state folder ${folder} cannot be used: ${fault.fact}`, {
    hint: 'name another one with --state or SLUICE_STATE',
    cause: error,
  });
}
