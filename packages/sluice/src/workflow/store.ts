import type { Member } from '#access';
import type { Digest } from '#kernel';
import type { LogFile, PendingEntry } from '#ledger';
import type { RolloutState } from '#rollout';
import type { ApprovalRecord, ChangeRow, LiveRelease, ReleaseRecord } from './records.ts';
import type { Deployment, DeploymentState } from './deployment.ts';
import type { Setback } from './setback-record.ts';
import type { Asked, RolloutRecord } from './rollout-record.ts';

/** One transaction. Everything written through it commits together or not at all (I7). */
export interface Tx {
  query<Row>(sql: string, values?: readonly unknown[]): Promise<readonly Row[]>;
}

/** A versioned write found another version than the one it read: somebody else was here. The writer starts again from the row, or gives up. */
export type Stale = 'stale';

/** Deployments. At most one is active for a service in an environment. */
export interface DeploymentStore {
  /** Writes a new one; answers with the active one that stands in its way instead, if there is one. */
  insert(tx: Tx, deployment: Deployment): Promise<{ readonly kind: 'inserted' } | { readonly kind: 'conflict'; readonly with: Deployment }>;
  get(tx: Tx, id: string): Promise<Deployment | undefined>;
  /** Replaces state and owner of the version read. */
  update(tx: Tx, read: Deployment, next: { readonly state: DeploymentState; readonly owner?: string }): Promise<Deployment | Stale>;
  /** Newest first. */
  list(tx: Tx, filter: DeploymentFilter): Promise<readonly Deployment[]>;
}

export type DeploymentFilter = {
  readonly environment?: string;
  readonly service?: string;
  readonly kinds?: readonly DeploymentState['kind'][];
  readonly active?: boolean;
  readonly limit: number;
};

/** Rollouts: the authority on what a rollout does. One controller owns one at a time. */
export interface RolloutStore {
  insert(tx: Tx, rollout: RolloutRecord): Promise<void>;
  get(tx: Tx, id: string): Promise<RolloutRecord | undefined>;
  /** Replaces state and owner of the version read. */
  update(tx: Tx, read: RolloutRecord, next: { readonly state: RolloutState; readonly owner: string }): Promise<RolloutRecord | Stale>;
  /** Leaves a request for whoever drives the rollout. A person's wish to go back stays for good; any other one is replaced by what is asked next, a wish for room by anything but another one. */
  ask(tx: Tx, id: string, asked: Asked): Promise<void>;
  /** Those that still have something to do. */
  active(tx: Tx): Promise<readonly RolloutRecord[]>;
  ofDeployment(tx: Tx, deployment: string): Promise<RolloutRecord | undefined>;
}

/** Releases by digest: written once. */
export interface ReleaseStore {
  insert(tx: Tx, release: ReleaseRecord): Promise<void>;
  get(tx: Tx, digest: Digest): Promise<ReleaseRecord | undefined>;
  ofCommit(tx: Tx, commit: string): Promise<ReleaseRecord | undefined>;
  list(tx: Tx, limit: number): Promise<readonly ReleaseRecord[]>;
}

/** What is and was live. */
export interface LiveStore {
  /** Ends what was live and begins this. */
  replace(tx: Tx, live: LiveRelease): Promise<void>;
  /** The deployment was taken back: it is live no longer, and its predecessor is again. */
  takeBack(tx: Tx, deployment: string, at: string): Promise<void>;
  now(tx: Tx, environment: string, service: string): Promise<LiveRelease | undefined>;
  /** What a deployment made live, now or then. */
  of(
    tx: Tx,
    place: { readonly environment: string; readonly service: string; readonly deployment: string },
  ): Promise<LiveRelease | undefined>;
  /** Newest first, the present one included. */
  history(tx: Tx, environment: string, service: string): Promise<readonly LiveRelease[]>;
}

export interface ApprovalStore {
  /** A later approval by the same person of the same subject takes the place of the earlier one. */
  put(tx: Tx, approval: ApprovalRecord): Promise<void>;
  of(tx: Tx, deployment: string): Promise<readonly ApprovalRecord[]>;
}

/** People, as the register describes them. What counts of them is compared with the record before it is believed. */
export interface PersonStore {
  put(tx: Tx, person: Member): Promise<void>;
  remove(tx: Tx, id: string): Promise<void>;
  get(tx: Tx, id: string): Promise<Member | undefined>;
  list(tx: Tx): Promise<readonly Member[]>;
}

/** Changes of the register: those that wait for a signature, and those that were made. */
export interface RegisterStore {
  /** Its version, locked until the transaction ends: changes come one after the other. */
  lock(tx: Tx): Promise<number>;
  advance(tx: Tx, version: number): Promise<void>;
  insert(tx: Tx, row: Omit<ChangeRow, 'number' | 'version'>): Promise<ChangeRow>;
  get(tx: Tx, number: number): Promise<ChangeRow | undefined>;
  update(tx: Tx, read: ChangeRow, next: Pick<ChangeRow, 'state' | 'proposal'>): Promise<ChangeRow | Stale>;
  /** Newest first. */
  list(tx: Tx, state: ChangeRow['state'], limit: number): Promise<readonly ChangeRow[]>;
}

/** Signed requests are taken once. */
export interface NonceStore {
  /** False when it was taken before. */
  take(tx: Tx, nonce: string, times: { readonly now: number; readonly expiresAt: number }): Promise<boolean>;
}

/** A stored ledger entry; `number` is its index in the log once it has one. */
export type StoredEntry = { readonly number: number | undefined; readonly entry: PendingEntry };

/** Which entries to read. */
export type EntryFilter = {
  readonly chain?: string;
  readonly subject?: string;
  readonly environment?: string;
  readonly afterNumber?: number;
  readonly limit: number;
};

/** The writing half of the ledger: entries go in with the state change they record. */
export interface EntryStore {
  /** Pending until the sequencer numbers them; an entry whose id is there already is left alone. */
  append(tx: Tx, entries: readonly PendingEntry[]): Promise<void>;
  list(tx: Tx, filter: EntryFilter): Promise<readonly StoredEntry[]>;
  /** The index of an entry, undefined while it is pending or unknown. */
  numberOf(tx: Tx, id: string): Promise<number | undefined>;
  /** How many entries of a chain wait for their number. */
  pendingOf(tx: Tx, chain: string): Promise<number>;
}

/** Reverts that routers journaled. */
export interface RevertStore {
  /** The newest that entered, by router. */
  lastOf(tx: Tx, router: string): Promise<string | undefined>;
  /** False when it is there already. */
  insert(
    tx: Tx,
    revert: { readonly id: string; readonly router: string; readonly service: string; readonly document: unknown },
  ): Promise<boolean>;
}

/** Turns that failed in a way nobody foresaw. */
export interface SetbackStore {
  /** Counts one more; at another place, or of another kind, the count begins again. */
  note(tx: Tx, setback: Omit<Setback, 'tries' | 'since'>): Promise<Setback>;
  of(tx: Tx, deployment: string): Promise<Setback | undefined>;
}

/** Who is alive. */
export interface LeaseStore {
  /** Makes the row of an executor that starts. */
  begin(tx: Tx, executor: string): Promise<void>;
  /** Renews it; false when others have declared this executor dead meanwhile. */
  beat(tx: Tx, executor: string): Promise<boolean>;
  alive(tx: Tx, executor: string): Promise<boolean>;
  list(tx: Tx): Promise<readonly { readonly executor: string; readonly beat: number }[]>;
  /** Removes an executor that others saw dead at this beat; false when it moved since. */
  remove(tx: Tx, executor: string, beat: number): Promise<boolean>;
}

/** A checkpoint as it is stored: a signed note, and what it says. */
export type StoredCheckpoint = { readonly size: number; readonly root: string; readonly note: string; readonly signedAt: string };

/** What the sequencer writes in one transaction. */
export type IntegratedBatch = {
  readonly numbered: readonly { readonly id: string; readonly number: number }[];
  readonly files: readonly LogFile[];
  /** Paths of partial files that a fuller one replaces. */
  readonly superseded: readonly string[];
  readonly checkpoint: StoredCheckpoint;
};

/** The one holder of the right to number entries. Lost with its connection; another one may then take it, with a higher fencing number. */
export interface SequencerLease extends AsyncDisposable {
  /** Oldest first. */
  pending(limit: number): Promise<readonly PendingEntry[]>;
  /** Refused as stale when somebody took the lease with a higher fencing number. */
  commit(batch: IntegratedBatch): Promise<'committed' | Stale>;
  /** Resolves when entries were appended, or after `ms`, or when the signal aborts. */
  appended(ms: number, signal: AbortSignal): Promise<void>;
}

/** The stored log, for everybody. */
export interface LogStore {
  checkpoint(tx: Tx): Promise<StoredCheckpoint | undefined>;
  files(tx: Tx, paths: readonly string[]): Promise<readonly LogFile[]>;
  /** Undefined while another engine holds the lease. */
  takeSequencer(holder: string): Promise<SequencerLease | undefined>;
  /** Cuts the connection of a holder that others saw dead: one that merely sleeps must not keep the log waiting. */
  evictSequencer(tx: Tx, holder: string): Promise<void>;
}

/** The one store, seen from the engine. */
export interface Store {
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Runs work that only one engine on this database may do at a time, outside any transaction; the others wait. */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
  readonly deployments: DeploymentStore;
  readonly rollouts: RolloutStore;
  readonly releases: ReleaseStore;
  readonly live: LiveStore;
  readonly approvals: ApprovalStore;
  readonly people: PersonStore;
  readonly register: RegisterStore;
  readonly nonces: NonceStore;
  readonly entries: EntryStore;
  readonly reverts: RevertStore;
  readonly setbacks: SetbackStore;
  readonly leases: LeaseStore;
  readonly log: LogStore;
}
