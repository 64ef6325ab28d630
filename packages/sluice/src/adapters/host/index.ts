export { bootId } from './boot.ts';
export { systemClock, systemIds } from './clock.ts';
export { syncFolder, writeFileDurably } from './durable-file.ts';
export { ownCommand, siblingModule, spawnDetached } from './own-process.ts';
export type { DetachedOptions } from './own-process.ts';
export { identifyProcess, isRunning, signalProcess } from './process-identity.ts';
export type { ProcessIdentity } from './process-identity.ts';
export { removeTree } from './remove-tree.ts';
export { socketPath } from './socket-path.ts';
