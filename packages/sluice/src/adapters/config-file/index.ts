export { loadConfig } from './config-module.ts';
export type { LoadedConfig } from './config-module.ts';
export { nearestConfig } from './config-place.ts';
export type { ConfigPlace } from './config-place.ts';
export { loadConfigIsolated } from './isolated-config.ts';
export type { IsolationOptions } from './isolated-config.ts';
