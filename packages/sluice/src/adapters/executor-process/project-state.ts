import { join } from 'node:path';

/** Where everything lies that runs leave in a project. */
export const stateFolder = (project: string): string => join(project, '.sluice');

/** The directory of one run. */
export const runFolderPath = (project: string, runId: string): string => join(stateFolder(project), 'runs', runId);

/** The variable by which processes of a job are found again, whatever they did to leave: `<run>.<task>`. */
export const taskVariable = 'SLUICE_TASK';
