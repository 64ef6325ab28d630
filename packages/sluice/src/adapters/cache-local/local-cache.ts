import { randomBytes } from 'node:crypto';
import { fstatSync, fsync, futimesSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { HeldFolder, identifyProcess, removeTree, syncFolder } from '#host';
import { digestOf, err, ok, SluiceError, type Clock, type Digest, type Result } from '#kernel';
import type { PlannedJob } from '#run';
import type { Cache, CacheAnswer, CacheRequest, CacheTicket, SecretPatterns, StoreAnswer, StoreRequest } from '#run';
import { capture } from './capture.ts';
import { DamagedEntry, EntryReader, EntryWriter } from './entry-file.ts';
import { evict, type CacheLimits } from './eviction.ts';
import { FileIndex } from './file-index.ts';
import type { FolderMarks } from './folder-marks.ts';
import { handedOn, touchedSince, type HandedOn } from './handed-on.ts';
import { InputReader, type InputSnapshot } from './inputs.ts';
import { keyOf, keyParts, toolchainOf, type KeyParts, type Toolchain } from './key.ts';
import { LastKeys } from './last-keys.ts';
import { missReason } from './miss-reason.ts';
import { forbiddenRoot, liesInPlace, outputsDigest, rootsOf } from './output-tree.ts';
import { copyLog, restore } from './restore.ts';
import type { TriggerPoint } from './trigger.ts';

export type LocalCacheOptions = {
  /** Absolute path of the project folder. */
  readonly project: string;
  /** Where entries are kept; `.sluice/cache` of the project unless told. Checkouts of one repository share one, on their own file system. */
  readonly folder?: string;
  /** Where digests of files of this checkout are kept; beside the entries of the project unless told. */
  readonly index?: string;
  /** A folder of entries that are looked at when there is none of one's own, and never written: those of commits that are trusted more. */
  readonly reads?: string;
  /** The `PATH` of jobs: with another one they may run other programs. */
  readonly path: string;
  readonly clock: Clock;
  /** With these no output that holds a secret is stored. */
  readonly secrets?: SecretPatterns;
  /** 5 GiB and 30 days unless told. */
  readonly limits?: CacheLimits;
  /** For tests: what happens at named places. */
  readonly at?: (point: TriggerPoint) => void;
};

const defaultLimits: CacheLimits = { maximumBytes: 5 * 2 ** 30, maximumAgeMs: 30 * 86_400_000 };
const touchAfterMs = 3_600_000; // when an entry was used need not be known better than to the hour
const syncFile = promisify(fsync);

/** What was true before a job ran. With a `refusal` its result is not stored, whatever happens. */
type Before = {
  readonly parts: KeyParts;
  readonly snapshot: InputSnapshot;
  readonly folders: FolderMarks;
  readonly handedOn: ReadonlyMap<string, HandedOn>;
  readonly refusal: string | undefined;
};

const nothingHandedOn: HandedOn = { digest: digestOf(''), marks: new Map() };

const matchesNothing = (patterns: readonly string[]): string =>
  `${patterns.map((pattern) => `"${pattern}"`).join(', ')} of its inputs ${patterns.length === 1 ? 'matches' : 'match'} no file`;

/**
 * Results of jobs on this machine (I12), below `.sluice/cache`: `entries/` with one file per result, `last.json` with the last key of each job,
 * `files.index` with digests of files, `tmp/` for what is not finished. Files are read and written without yielding: a look-up is far shorter
 * than the detour through the thread pool.
 */
export class LocalCache implements Cache, AsyncDisposable {
  readonly #options: LocalCacheOptions;
  readonly #project: HeldFolder;
  readonly #folder: string;
  readonly #toolchain: Toolchain;
  readonly #index: FileIndex;
  readonly #inputs: InputReader;
  readonly #last: LastKeys;
  readonly #tickets = new WeakMap<CacheTicket, Before>();
  /** What lies in the outputs of jobs, until something may have changed them. */
  readonly #handedOn = new Map<string, HandedOn>();
  /** Folders in which jobs of this run make outputs: there files come and go. */
  readonly #made = new Set<string>();
  readonly #at: (point: TriggerPoint) => void;
  readonly #own = identifyProcess(process.pid) ?? { pid: process.pid, startTicks: 0 };
  readonly #limits: CacheLimits;
  #stored = false;

  constructor(options: LocalCacheOptions) {
    this.#options = options;
    this.#limits = options.limits ?? defaultLimits;
    this.#project = new HeldFolder(options.project);
    const own = join(options.project, '.sluice', 'cache');
    this.#folder = options.folder ?? own;
    if (options.index === undefined) mkdirSync(own, { recursive: true, mode: 0o700 });
    mkdirSync(join(this.#folder, 'entries'), { recursive: true, mode: 0o700 });
    mkdirSync(join(this.#folder, 'tmp'), { recursive: true, mode: 0o700 });
    this.#toolchain = toolchainOf(options.project, options.path);
    // What files held is known by their paths and times: that is of this checkout alone.
    this.#index = new FileIndex(options.index ?? join(own, 'files.index'), options.clock);
    this.#inputs = new InputReader(this.#project, options.project, this.#index);
    this.#last = new LastKeys(join(this.#folder, 'last.json'));
    this.#at = options.at ?? (() => undefined);
  }

  async fetch(request: CacheRequest, logFile: string): Promise<Result<CacheAnswer, SluiceError>> {
    const { job } = request;
    for (const root of rootsOf(job)) {
      const because = forbiddenRoot(root);
      if (because !== undefined) return err(new SluiceError('config', `output "${root}" of "${job.name}" cannot be cached: ${because}`));
    }
    for (const root of rootsOf(job)) this.#made.add(root.slice(0, Math.max(0, root.lastIndexOf('/'))));
    const snapshot = this.#inputs.read(job);
    if (!snapshot.ok) return snapshot;
    const { inputs, unmatched } = snapshot.value;
    const parts = keyParts(request, inputs, this.#toolchain);
    const key = keyOf(parts);
    const refusal = unmatched.length > 0 ? matchesNothing(unmatched) : this.#changedHandOver(request);
    let dropped: string | undefined;
    const { reads } = this.#options;
    for (const folder of refusal === undefined ? [this.#folder, ...(reads === undefined ? [] : [reads])] : []) {
      const path = entryPath(folder, key);
      const own = folder === this.#folder;
      try {
        using entry = EntryReader.open(path, key);
        if (entry !== undefined) return ok(this.#deliver(entry, logFile, own));
      } catch (error) {
        // Damaged, or its outputs cannot be put in place: the job runs.
        dropped = (error as Error).message;
        if (own && error instanceof DamagedEntry) rmSync(path, { force: true });
      }
    }
    const ticket: CacheTicket = { key };
    const handedOn = new Map(request.needed.map((need) => [need.name, this.#handOver(need)]));
    const folders = this.#inputs.markFolders(snapshot.value);
    this.#tickets.set(ticket, { parts, snapshot: snapshot.value, folders, handedOn, refusal });
    const miss = { kind: 'miss', ticket, unmatched } as const;
    if (refusal !== undefined) return ok({ ...miss, because: refusal });
    if (dropped !== undefined) return ok({ ...miss, because: 'its stored result cannot be used', dropped });
    return ok({ ...miss, because: missReason(parts, this.#lastParts(job.name)) });
  }

  async store({ ticket, job, runId, storedAt, logFile }: StoreRequest): Promise<StoreAnswer> {
    const known = this.#tickets.get(ticket);
    if (known === undefined) throw new Error(`not a ticket of this cache: ${ticket.key}`);
    const refuse = async (because: string): Promise<StoreAnswer> => ({ kind: 'not-stored', outputs: await this.outputsOf(job), because });
    // Looked at once more, now that the job is over: what it really read is only known if nothing was touched.
    const changed = known.refusal ?? this.#changedWhileItRan(job, known);
    if (changed !== undefined) return refuse(changed);
    const draft = this.#temporary();
    try {
      using writer = new EntryWriter(draft);
      const { nodes, log } = capture(writer, job, {
        project: this.#project,
        root: this.#options.project,
        logFile,
        secrets: this.#options.secrets,
        maximumBytes: this.#limits.maximumBytes,
      });
      // A job without outputs hands on that it ran with these inputs.
      const outputs = job.outputs.length === 0 ? ticket.key : outputsDigest(job, nodes);
      writer.end({
        version: 1,
        key: ticket.key,
        job: job.name,
        runId,
        storedAt,
        parts: known.parts,
        roots: rootsOf(job),
        nodes,
        outputs,
        log,
      });
      this.#at('store:written');
      // Synced before it gets its name: a name whose content is lost would be a damaged entry.
      await syncFile(writer.fd);
      renameSync(draft, entryPath(this.#folder, ticket.key));
      this.#at('store:visible');
      this.#stored = true;
      this.#last.set(job.name, ticket.key);
      return { kind: 'stored', outputs };
    } catch (error) {
      rmSync(draft, { force: true });
      const { code, message } = error as NodeJS.ErrnoException;
      return refuse(code === 'ENOSPC' || code === 'EDQUOT' ? 'the disk is full' : message);
    }
  }

  async outputsOf(job: PlannedJob): Promise<Digest> {
    this.#forget();
    return this.#handOver(job).digest;
  }

  /** Keeps what was learned and tidies up. What cannot be written is learned again, or tidied up next time. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#project[Symbol.dispose]();
    try {
      this.#index.save();
      this.#last.save();
      if (!this.#stored) return;
      const entries = join(this.#folder, 'entries');
      await syncFolder(entries);
      evict(entries, this.#limits, this.#options.clock.now());
      this.#removeAbandoned();
    } catch {
      // A full disk, say: the results themselves are safe, or were reported as not stored.
    }
  }

  #deliver(entry: EntryReader, logFile: string, own: boolean): CacheAnswer {
    const { clock } = this.#options;
    const { key, job, roots, nodes, outputs, runId, storedAt, log } = entry.manifest;
    const upToDate = liesInPlace(this.#project, roots, nodes, this.#index);
    if (upToDate) {
      copyLog(entry, logFile, nodes);
    } else {
      this.#forget();
      restore(entry, { project: this.#project, staging: this.#temporary(), logFile, at: this.#at });
    }
    const now = clock.now();
    if (own && now - fstatSync(entry.fd).mtimeMs > touchAfterMs) futimesSync(entry.fd, now / 1_000, now / 1_000);
    this.#last.set(job, key);
    return { kind: 'hit', key, outputs, from: { runId, storedAt }, log: log === undefined ? undefined : logFile, upToDate };
  }

  /** A job ran or outputs were restored: what was seen may be another now. */
  #forget(): void {
    this.#inputs.forget();
    this.#handedOn.clear();
  }

  #handOver(job: PlannedJob): HandedOn {
    const known = this.#handedOn.get(job.name);
    if (known !== undefined) return known;
    const seen = job.outputs.length === 0 ? nothingHandedOn : handedOn(this.#project, job, this.#index, this.#limits.maximumBytes);
    this.#handedOn.set(job.name, seen);
    return seen;
  }

  /** Whether what needed jobs handed on is still what they left: somebody may have written there since. */
  #changedHandOver({ needed, needs }: CacheRequest): string | undefined {
    const changed = needed.find((need) => need.outputs.length > 0 && this.#handOver(need).digest !== needs[need.name]);
    return changed === undefined ? undefined : `what "${changed.name}" handed on was changed before the job began`;
  }

  #changedWhileItRan(job: PlannedJob, { snapshot, folders, handedOn: before }: Before): string | undefined {
    this.#forget();
    for (const [need, seen] of before) {
      const touched = touchedSince(this.#project, seen, rootsOf(job));
      if (touched !== undefined) return `"${touched}", which "${need}" handed on, was written while the job ran`;
    }
    return this.#inputs.changedSince(job, snapshot, folders, this.#made);
  }

  #lastParts(job: string): KeyParts | undefined {
    const key = this.#last.get(job);
    if (key === undefined) return undefined;
    try {
      using entry = EntryReader.open(entryPath(this.#folder, key), key);
      return entry?.manifest.parts;
    } catch {
      return undefined;
    }
  }

  /** A path nobody else uses, that tells whose it is. */
  #temporary(): string {
    return join(this.#folder, 'tmp', `${this.#own.pid}-${this.#own.startTicks}-${randomBytes(6).toString('hex')}`);
  }

  /** Removes what killed runs did not finish. */
  #removeAbandoned(): void {
    for (const name of readdirSync(join(this.#folder, 'tmp'))) {
      const [pid = 0, startTicks = 0] = name.split('-').map(Number);
      if (identifyProcess(pid)?.startTicks !== startTicks) removeTree(join(this.#folder, 'tmp', name));
    }
  }
}

const entryPath = (folder: string, key: Digest): string => join(folder, 'entries', key.slice('sha256:'.length));
