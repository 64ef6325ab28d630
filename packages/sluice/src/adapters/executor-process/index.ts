export { confinedProject } from './confined-process.ts';
export { openRun, unresolvedEffects } from './open-run.ts';
export type { LocalRun, OpenRunOptions } from './open-run.ts';
