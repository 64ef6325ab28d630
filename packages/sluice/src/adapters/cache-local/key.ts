import { canonicalJson, digestOf, type Digest } from '#kernel';
import type { CacheRequest } from '#run';
import type { Input } from './inputs.ts';

/** What a result is made from besides its job: the machine's part. */
export type Toolchain = { readonly node: string; readonly platform: string; readonly arch: string; readonly path: string };

/**
 * Everything a result is a function of. Commands, declared variables and the names of secrets are part of the definition; values of secrets
 * are not, so a job with secrets must not depend on which value they have. Nothing here knows a time, a run or where the project lies.
 */
export type KeyParts = {
  readonly version: 1;
  readonly definition: Digest;
  readonly toolchain: Toolchain;
  /** What needed jobs hand on, by name. */
  readonly needs: Readonly<Record<string, Digest>>;
  readonly inputs: readonly Input[];
};

/** The parts of a job's key. */
export const keyParts = ({ job, needs }: CacheRequest, inputs: readonly Input[], toolchain: Toolchain): KeyParts => ({
  version: 1,
  definition: job.definition,
  toolchain,
  needs,
  inputs,
});

/** The name under which a result is stored. */
export const keyOf = (parts: KeyParts): Digest => digestOf(canonicalJson(parts));

/** The machine's part. The place of the checkout is not in it: `npm run` puts folders of the project into PATH. */
export const toolchainOf = (project: string, path: string): Toolchain => ({
  node: process.version,
  platform: process.platform,
  arch: process.arch,
  path: path
    .split(':')
    .map((part) => (part.startsWith(`${project}/`) ? `.${part.slice(project.length)}` : part))
    .join(':'),
});
