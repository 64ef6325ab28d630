export { checkpointText, openCheckpoint, signCheckpoint } from './checkpoint.ts';
export type { Checkpoint, SignedCheckpoint } from './checkpoint.ts';
export { checkEntry, encodeEntry, entryTypes, MAX_ENTRY_BYTES, parseEntry } from './entry-codec.ts';
export { entryTime, epochOf } from './entry-time.ts';
export type { Entry, EntryBodies, EntryHead, EntryType, Outcome, PendingEntry, Reason, SubjectKind } from './entry.ts';
export {
  consistencyProof,
  emptyRoot,
  inclusionProof,
  leafHash,
  nodeHash,
  rootOf,
  sameHash,
  verifyConsistency,
  verifyInclusion,
} from './merkle.ts';
export type { Hash, NodeReader, TreeHead } from './merkle.ts';
export { noteSigner, openNote, parseVerifierKey, signNote, verifierKey, verifierKeyText } from './note.ts';
export type { NoteSigner, OpenedNote, VerifierKey } from './note.ts';
export { parseProof, proofText, proveEntry, verifyProof } from './proof.ts';
export type { EntryProof } from './proof.ts';
export { emptyLog, integrate, resumeLog } from './sequencer.ts';
export type { IntegratedEntry, Integration, LogState } from './sequencer.ts';
export { bundleEntries, bundlePath, CHECKPOINT_PATH, encodeBundle, MissingFile, pathsOf, tileNodes, tilePath } from './tiles.ts';
export type { LogFile, LogReader } from './tiles.ts';
export { describeEntry, describeReason, timeline } from './timeline.ts';
export type { PersonNames, TimelineFact, TimelineOf, ToldEntry } from './timeline.ts';
export { TILE_WIDTH, TreeEdge } from './tree-edge.ts';
export type { HashTile } from './tree-edge.ts';
export { verificationCodes, verifyLog } from './verify.ts';
export type { AnchorPolicy, KnownLog, Verification } from './verify.ts';
