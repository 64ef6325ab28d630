import { type Digest, digestOfJson, type Json } from '#kernel';

/** What runs for one service: the read-only archive and the program that starts from it. */
export type BundledArtifact = { readonly artifact: Digest; readonly executable: Digest };

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
