import { join } from 'node:path';
import { err, isoTime, ok, type Clock, type Result } from '#kernel';
import { afterFact, emptyRoutingTable, type RouterRefusal, type Routing, type RoutingFact, type RoutingTable } from '#rollout';
import { Journal, JournalDamage } from './journal.ts';

/** Snapshots replace the journal after so many lines: a restart reads it whole, and shall be fast. */
const compactAfterLines = 2_000;
/** How long an answer waits for the disk once traffic has moved: whoever reverts must hear that it has. */
const patienceMs = 1_000;
/** How often a record that the disk did not take is tried again. */
const retryMs = 250;
/** How long after the line that made it too long the journal is replaced: whoever waits for that line hears first. */
const compactAfterMs = 20;
const version = 1;

type Snapshot = {
  readonly type: 'snapshot';
  readonly version: number;
  readonly services: readonly Routing[];
  readonly reverts: RoutingTable['reverts'];
};

/**
 * The routing table and its journal.
 *
 * Forward moves: written and synced, then applied, one after another. A crash before the sync leaves the old weights in force; nobody was
 * told otherwise.
 * Reverts: written (a line that the system has survives the end of this process), applied in the same turn, then synced, then answered.
 * So no crash of the router loses a latch that a client of a service could have noticed, and traffic waits for no disk. Between the write
 * and the sync only a power cut can take the line back, and that stops the services behind the router too.
 */
export class RoutingStore {
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #onChange: (table: RoutingTable) => void;
  readonly #stop = new AbortController();
  #live: RoutingTable;
  /** The fold of everything written: ahead of `live` while a forward move is being synced. */
  #written: RoutingTable;
  #queue: Promise<unknown> = Promise.resolve();
  #pending: string | undefined;
  #repairing = false;
  #compacting = false;

  private constructor(
    journal: Journal,
    table: RoutingTable,
    more: { readonly clock: Clock; readonly onChange: (table: RoutingTable) => void },
  ) {
    this.#journal = journal;
    this.#live = table;
    this.#written = table;
    this.#clock = more.clock;
    this.#onChange = more.onChange;
  }

  /** Opens the store of a state folder. Throws `JournalDamage` when its journal cannot be trusted. */
  static async open(
    folder: string,
    more: { readonly clock: Clock; readonly onChange: (table: RoutingTable) => void },
  ): Promise<{ readonly store: RoutingStore; readonly note: string | undefined }> {
    const path = join(folder, 'router.journal');
    const { journal, content } = await Journal.open(path);
    let table = content.entries.reduce<RoutingTable>((sum, entry) => afterEntry(path, sum, entry), emptyRoutingTable);
    let note: string | undefined;
    if (content.tail === 'damaged') {
      // The lost line was whole, so it may have been acknowledged, and it may have been a revert. Which service it spoke of is lost with
      // it: all are latched under a new epoch, so that no controller moves weight on what it believed before.
      note = `the last line of ${path} was damaged and is dropped; every service is latched until a new rollout takes its epoch`;
      const latch = { at: isoTime(more.clock.now()), by: 'router', reason: 'the end of the router journal was damaged' };
      const facts = [...table.services.values()].map(({ service, epoch }): RoutingFact => ({
        type: 'latched',
        service,
        epoch: epoch + 1,
        latch,
      }));
      table = facts.reduce(afterFact, table);
      await journal.rewrite([snapshotOf(table)]);
    } else if (content.tail === 'torn') note = `the last line of ${path} was cut short before it was acknowledged, and is dropped`;
    const store = new RoutingStore(journal, table, more);
    if (journal.lines === 0 || journal.lines > compactAfterLines) await journal.rewrite([snapshotOf(table)]);
    return { store, note };
  }

  /** What is in force now. */
  get table(): RoutingTable {
    return this.#live;
  }

  /** Why what is in force is not on disk; undefined when it is. */
  get pending(): string | undefined {
    return this.#pending;
  }

  /** Runs one change at a time: `decide` sees everything written before, and its fact is durable before it is in force. */
  forward(
    decide: (table: RoutingTable) => Promise<Result<RoutingFact | undefined, RouterRefusal>>,
  ): Promise<Result<RoutingTable, RouterRefusal>> {
    const run = this.#queue.then(async () => {
      const decided = await decide(this.#written);
      if (!decided.ok) return decided;
      const fact = decided.value;
      if (fact === undefined) return ok(this.#live);
      try {
        if (!this.#journal.sound || this.#pending !== undefined || this.#journal.lines > compactAfterLines) {
          await this.#journal.rewrite([snapshotOf(this.#live)]);
          this.#pending = undefined;
        }
        // A revert may have come while the file was rewritten: an order of before it is void.
        this.#written = afterFact(this.#written, fact);
        this.#journal.append([fact]);
        await this.#journal.sync();
      } catch (error) {
        this.#written = this.#live;
        if (!this.#journal.sound) this.#repair(messageOf(error));
        return err({
          kind: 'not-durable',
          message: `the router could not record the order, so it was not applied: ${messageOf(error)}`,
        } as const);
      }
      this.#apply(fact);
      return ok(this.#live);
    });
    this.#queue = run.catch(() => {});
    return run;
  }

  /** Puts a fact in force at once, and resolves when it is durable, or known not to be: then `pending` says why. */
  async now(fact: RoutingFact): Promise<void> {
    this.#written = afterFact(this.#written, fact);
    let problem: string | undefined;
    try {
      this.#journal.append([fact]);
    } catch (error) {
      problem = messageOf(error);
    }
    this.#apply(fact);
    if (problem !== undefined) return this.#repair(problem);
    this.#compactSoon();
    await this.settled();
  }

  /** Resolves when everything written is durable, or known not to be for now: then `pending` says why. */
  async settled(): Promise<void> {
    const synced = this.#journal.sync().then(
      () => this.#journal.sound,
      () => false,
    );
    const waiting = new AbortController();
    const patience = this.#clock.sleep(patienceMs, waiting.signal).then(
      () => 'later' as const,
      () => 'later' as const,
    );
    const outcome = await Promise.race([synced, patience]);
    waiting.abort();
    if (outcome === true) return;
    const why = outcome === 'later' ? `the disk has not confirmed it within ${patienceMs} ms` : 'the disk did not take it';
    // Writing everything anew is the repair for either: what the disk did not confirm is not relied on.
    this.#repair(why);
  }

  /** What a decision that must not wait sees: everything written, the moves still being synced included. */
  get written(): RoutingTable {
    return this.#written;
  }

  close(): void {
    this.#stop.abort();
    this.#journal.close();
  }

  #apply(fact: RoutingFact): void {
    this.#live = afterFact(this.#live, fact);
    this.#onChange(this.#live);
  }

  /** Instances that come and go write for days without a forward move: their lines are folded in the background, and no order waits for it. */
  #compactSoon(): void {
    if (this.#compacting || this.#journal.lines <= compactAfterLines) return;
    this.#compacting = true;
    void (async () => {
      await this.#clock.sleep(compactAfterMs, this.#stop.signal).catch(() => {});
      await this.#exclusive(async () => {
        // A forward move may have done it meanwhile; a repair does it as well.
        if (this.#stop.signal.aborted || this.#pending !== undefined || this.#journal.lines <= compactAfterLines) return;
        await this.#journal.rewrite([snapshotOf(this.#live)]);
      }).catch((error: unknown) => {
        // As a rule the old journal is in place and holds everything: the next line tries again.
        if (!this.#journal.sound) this.#repair(messageOf(error));
      });
      this.#compacting = false;
    })();
  }

  /** Writes the whole table anew until the disk takes it. */
  #repair(why: string): void {
    this.#pending = why;
    if (this.#repairing) return;
    this.#repairing = true;
    void (async () => {
      while (!this.#stop.signal.aborted && this.#pending !== undefined) {
        await this.#clock.sleep(retryMs, this.#stop.signal).catch(() => {});
        await this.#exclusive(async () => {
          try {
            await this.#journal.rewrite([snapshotOf(this.#live)]);
            if (this.#journal.sound) this.#pending = undefined;
          } catch (error) {
            this.#pending = messageOf(error);
          }
        });
      }
      this.#repairing = false;
    })();
  }

  #exclusive(work: () => Promise<void>): Promise<void> {
    const run = this.#queue.then(work);
    this.#queue = run.catch(() => {});
    return run;
  }
}

function snapshotOf(table: RoutingTable): Snapshot {
  return { type: 'snapshot', version, services: [...table.services.values()], reverts: table.reverts };
}

function afterEntry(path: string, table: RoutingTable, entry: unknown): RoutingTable {
  // The checksum of the line vouches for its shape: it is one that this program wrote.
  const fact = entry as Snapshot | RoutingFact;
  if (fact.type !== 'snapshot') return afterFact(table, fact);
  if (fact.version !== version) {
    throw new JournalDamage(
      `journal ${path} has format ${fact.version}, this router reads ${version}; start the router version that wrote it`,
    );
  }
  return { services: new Map(fact.services.map((routing) => [routing.service, routing])), reverts: fact.reverts };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
