import { type Digest, digestOfJson, type Json } from '#kernel';

/**
 * What of an artifact is in no commit: the files below an output that a job of the pipeline declared and made. `digest` is over the path, kind,
 * permission to execute and content of each; all other files of the artifact are the commit's, byte for byte.
 */
export type GeneratedOutput = {
  readonly output: string;
  readonly job: string;
  readonly files: number;
  readonly bytes: number;
  readonly digest: Digest;
};

/** What runs for one service: the read-only archive and the program that starts from it. `generated` is absent when all of it is the commit's. */
export type BundledArtifact = {
  readonly artifact: Digest;
  readonly executable: Digest;
  readonly generated?: readonly GeneratedOutput[];
};

/** Everything that makes a release what it is. Settings that differ from one environment to another are not part of it: approvals bind them beside it. */
export type ReleaseBundle = {
  readonly artifacts: Readonly<Record<string, BundledArtifact>>;
  /** How each service is started, checked and stopped. */
  readonly config: Readonly<Record<string, Json>>;
  /** Variables of each service. */
  readonly parameters: Readonly<Record<string, Readonly<Record<string, Json>>>>;
  readonly flags: Readonly<Record<string, boolean | number | string>>;
  readonly limits: Readonly<Record<string, number>>;
  /** Changes of stored data, in their order. */
  readonly schemaChanges: readonly { readonly name: string; readonly digest: Digest }[];
};

/** The one digest over all of a release: approvals, verdicts and attestations name it, and any change of any byte gives another (I5). */
export function releaseDigest(bundle: ReleaseBundle): Digest {
  const { artifacts, config, parameters, flags, limits, schemaChanges } = bundle;
  return digestOfJson({ kind: 'sluice release v1', artifacts, config, parameters, flags, limits, schemaChanges });
}
