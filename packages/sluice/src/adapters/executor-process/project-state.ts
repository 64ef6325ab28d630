import { createHash } from 'node:crypto';
import { join } from 'node:path';

/** Where runs keep what they read back: beside the definition, or, for a checkout that belongs to somebody else, in the state folder of who runs it. */
export type StatePlace = { readonly folder: string; readonly lock: string };

/** The state of a project; `folder`: where it lies when not in `.sluice` of the project, where the files of a commit are. */
export function statePlace(project: string, folder: string | undefined): StatePlace {
  const own = join(project, '.sluice');
  if (folder === undefined || folder === own) return { folder: own, lock: join(own, 'run.lock') };
  return { folder, lock: join(folder, `run-${createHash('sha256').update(project).digest('hex').slice(0, 16)}.lock`) };
}

/** The directory of one run. */
export const runFolderPath = (state: string, runId: string): string => join(state, 'runs', runId);

/** The variable by which processes of a job are found again, whatever they did to leave: the mark of the run, a dot, the number of the task. */
export const taskVariable = 'SLUICE_TASK';
