export { confinedProgramOf } from './confined-process.ts';
export { noSandbox } from './no-sandbox.ts';
export { openSandbox } from './open-sandbox.ts';
export type { SandboxOptions } from './open-sandbox.ts';
export { proveSandbox } from './proof.ts';
export type { SandboxProof } from './proof.ts';
