import type { WireError } from '#kernel';
import type { LoadedConfig } from './config-module.ts';

/** What the child process says, once, as JSON. */
export type ChildAnswer =
  | { readonly kind: 'loaded'; readonly config: LoadedConfig }
  | { readonly kind: 'refused'; readonly error: WireError };

/** The descriptor on which it says so. */
export const answerFd = 3;
