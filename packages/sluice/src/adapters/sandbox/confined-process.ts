import { readFileSync } from 'node:fs';
import { initName } from './scripts.ts';

/**
 * The program behind a started process, by its number as the machine sees it: undefined while the walls are being built, and when it has ended.
 * What runs there may still become another program (`exec`), as any process may. Where nothing is confined the started process is the program.
 */
export function confinedProgramOf(started: number): number | undefined {
  const [outer] = childrenOf(started);
  const [init] = outer === undefined ? [] : childrenOf(outer);
  if (init === undefined || !isInit(init)) return undefined;
  // The first child is the program: whoever lost a parent inside comes behind it.
  return childrenOf(init)[0];
}

function childrenOf(pid: number): readonly number[] {
  return read(`/proc/${pid}/task/${pid}/children`)
    .split(' ')
    .filter((word) => word !== '')
    .map(Number);
}

/** `/bin/sh -c <script> sluice-init …`, which comes only after everything is built. */
const isInit = (pid: number): boolean => read(`/proc/${pid}/cmdline`).split('\0')[3] === initName;

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
