export type { CacheLimits } from './eviction.ts';
export { LocalCache } from './local-cache.ts';
export type { LocalCacheOptions } from './local-cache.ts';
export type { TriggerPoint } from './trigger.ts';
