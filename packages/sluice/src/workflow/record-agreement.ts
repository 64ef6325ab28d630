import { canonicalJson, digestOfJson, err, ok, own, shortDigest, SluiceError, type Digest, type Result } from '#kernel';
import { encodeEntry, MissingFile, proveEntry, verifyProof } from '#ledger';
import { releaseDigest } from '#release';
import { bundleOf } from './build.ts';
import type { LogKeys } from './ports.ts';
import type { ReleaseRecord } from './records.ts';
import type { RolloutRecord } from './rollout-record.ts';
import { readStoredLog } from './stored-log.ts';
import type { Store, StoredEntry } from './store.ts';

/** What is wrong with a stored release, by its own content: its digest is over its bundle, and its bundle is made of its services. */
export function problemOfRelease(asked: Digest | undefined, release: ReleaseRecord): string | undefined {
  const is = releaseDigest(release.bundle);
  if (is !== release.digest || (asked !== undefined && asked !== is)) return `holds ${shortDigest(is)}`;
  if (canonicalJson(bundleOf(release.services)) !== canonicalJson(release.bundle))
    return 'has services other than those its digest is over';
  return undefined;
}

/** The refusal to use a release whose row was changed: nothing that it says is what was built, judged and signed. */
export const changedRow = (digest: string, fact: string): SluiceError =>
  new SluiceError('verificationFailed', `the database calls a release ${shortDigest(digest)} that ${fact}: its row was changed`, {
    hint: 'nothing moves forward with it; compare the database with the record (sluice ledger verify), and restore it from a backup',
  });

/** A digest of all that was settled before a rollout: what its first entry names, and each later step is compared with. */
export const settledDigest = ({ plan, order, settings }: RolloutRecord): Digest =>
  digestOfJson({ plan, order, settings: settings ?? null });

/** Whether an entry of the database is the one that was signed at its place in the log. */
export type IsSigned = (entry: StoredEntry) => Promise<boolean>;

/** Looks an entry up in the signed log. Whoever can write to the database alone has not the key. */
export function signedIn(store: Store, keys: LogKeys): IsSigned {
  return async ({ number, entry }) => {
    if (number === undefined) return false;
    const encoded = encodeEntry(entry, number);
    if (!encoded.ok) return false;
    let read: number | undefined;
    for (;;) {
      const checkpoint = await store.transaction((tx) => store.log.checkpoint(tx));
      if (checkpoint === undefined || checkpoint.size <= number) return false;
      try {
        const proof = await readStoredLog(store, new Map(), (reader) => proveEntry(reader, number, checkpoint));
        return verifyProof(proof, encoded.value, { origin: keys.origin, keys: keys.verifiers }).ok;
      } catch (error) {
        // While it was read the log grew, and its partial files were replaced by fuller ones: it is read again as it is now. A log that stood still lacks a file.
        if (!(error instanceof MissingFile) || read === checkpoint.size) throw error;
        read = checkpoint.size;
      }
    }
  };
}

type Records = { readonly store: Store; readonly isSigned: IsSigned };

/** How many entries a release or a deployment has at most. */
const mostEntries = 1_000;

/** Whether a release is the one that the record says was made: its commit, so that its authors are known, its version, artifacts and verdicts. */
export async function releaseAgrees({ store, isSigned }: Records, release: ReleaseRecord): Promise<Result<void, SluiceError>> {
  const subject = release.digest.replace('sha256:', '');
  const entries = await store.transaction((tx) => store.entries.list(tx, { subject, limit: mostEntries }));
  const made = entries.filter(({ entry }) => entry.type === 'release.created');
  const told = made.find(
    ({ entry }) => entry.type === 'release.created' && canonicalJson(entry.body) === canonicalJson(createdBody(release)),
  );
  if (told === undefined) return err(changedRow(release.digest, 'the record does not know as such'));
  // One that waits for its number is waited for elsewhere; one that has it must be what was signed there.
  return told.number === undefined || (await isSigned(told))
    ? ok(undefined)
    : err(changedRow(release.digest, 'the signed log does not hold'));
}

/** What the record says of a release that came to be. */
export const createdBody = (release: ReleaseRecord) => ({
  version: release.version,
  commit: release.commit.sha,
  runId: release.run,
  artifacts: Object.entries(release.services).map(([service, { artifact }]) => ({ service, digest: artifact })),
  verdicts: release.verdicts.map(({ digest }) => digest),
});

/** What is wrong with a rollout that is about to move forward: it would run something else than its release, or than what it began with. */
export async function problemOfRollout(
  { store, isSigned }: Records,
  rollout: RolloutRecord,
  place: { readonly service: string; readonly chain: string },
): Promise<string | undefined> {
  const { plan, order } = rollout;
  const found = await store
    .transaction(async (tx) => ({
      release: await store.releases.get(tx, plan.release),
      entries: await store.entries.list(tx, { chain: place.chain, limit: mostEntries }),
    }))
    .catch((error: unknown) => {
      if (error instanceof SluiceError && error.code === 'verificationFailed') return error.message;
      throw error;
    });
  if (typeof found === 'string') return found;
  const { release, entries } = found;
  const released = own(release?.services, place.service);
  if (release === undefined || released === undefined) return 'its release is not in the database';
  const { artifact, executable, archive, definition } = released;
  const same =
    [plan.artifact, order.artifact].every((digest) => digest === artifact) &&
    [plan.executable, order.executable].every((digest) => digest === executable) &&
    order.archive === archive &&
    canonicalJson([order.start, order.secrets]) === canonicalJson([definition.start, definition.secrets]);
  if (!same) return `it would run something else than release ${shortDigest(plan.release)}`;
  const started = entries.filter(({ entry }) => entry.type === 'rollout.started' && entry.subject.id === rollout.deployment);
  for (const entry of started) {
    const settled = entry.entry.inputs.find(({ name }) => name === settledInput)?.digest;
    if (settled !== undefined && settled !== settledDigest(rollout)) return 'it is not what the record says it began with';
    if (entry.number !== undefined && !(await isSigned(entry))) return 'the signed log does not hold its beginning';
  }
  return undefined;
}

/** The name of the digest in the entry of a rollout that begins. */
export const settledInput = 'settled';
