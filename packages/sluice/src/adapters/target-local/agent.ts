import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { err, ok, type Clock, type Digest, type Result } from '#kernel';
import type { ServiceKey, Slot, SlotEndpoints, TargetProblem } from '#rollout';
import type { AgentListing, Command, Input, Output } from './agent-wire.schema.ts';
import { EndpointFeed } from './endpoint-feed.ts';
import { removeTree } from './extract.ts';
import type { Layout } from './layout.ts';
import { removeOrphanedTrees, treeFolders, treeOwnerFile } from './neutral-trees.ts';
import { resolveStart } from './placement.ts';
import { ProcessTable } from './process-table.ts';
import { RouterKeeper, type RouterSupervision } from './router-keeper.ts';
import { loadSlots } from './slot-store.ts';
import { SupervisedSlot, type SlotHost } from './supervised-slot.ts';
import type { Trigger } from './trigger-point.ts';
import { noWalls, type Walls } from './walls.ts';

/** What an agent is made of. */
export type AgentParts = {
  readonly layout: Layout;
  readonly clock: Clock;
  readonly at: Trigger;
  readonly supervision?: RouterSupervision;
  /** What instances are started in; without one they are started as they are. */
  readonly sandbox?: Walls;
};

/** One answer per command: adding a command to the wire breaks the build until the agent has it. */
type Commands = { readonly [C in Command]: (input: Input<C>) => Promise<Result<Output<C>, TargetProblem>> };

/** The owner of the instances and the router of one host. */
export class Agent {
  readonly #parts: AgentParts;
  readonly #slots = new Map<string, SupervisedSlot>();
  readonly #feed: EndpointFeed | undefined;
  readonly #keeper: RouterKeeper | undefined;
  readonly #stopped = Promise.withResolvers<void>();
  readonly #processes: ProcessTable;
  /** Artifacts that are looked into at the moment. */
  readonly #resolving: Digest[] = [];
  #damaged: readonly string[] = [];
  #halting = false;

  constructor(parts: AgentParts) {
    this.#parts = parts;
    this.#processes = new ProcessTable(parts.clock);
    if (parts.supervision === undefined) return;
    const feed = new EndpointFeed(parts.supervision.endpoints, parts.clock);
    this.#feed = feed;
    this.#keeper = new RouterKeeper(parts.supervision, parts.clock, () => feed.repeat());
  }

  /** Resolves when a stop command was carried out. */
  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  /** Reads the slots of an earlier agent; commands may come from then on. */
  async load(): Promise<void> {
    const { records, damaged } = await loadSlots(this.#parts.layout);
    this.#damaged = damaged;
    for (const record of records) this.#slots.set(`${record.service} ${record.slot}`, new SupervisedSlot(this.#host, record));
  }

  /** Adopts what runs, finishes what was begun, keeps the router. */
  async resume(): Promise<void> {
    this.#keeper?.begin();
    // A slot that cannot go on, for instance on a full disk, must not keep the agent from the others: it is told by `ps` and repeated by a command.
    const resumed = await Promise.allSettled([...this.#slots.values()].map((slot) => slot.resume()));
    const failed = resumed.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []));
    this.#damaged = [...this.#damaged, ...failed];
    await this.#removeUnusedTrees().catch(() => undefined);
    removeOrphanedTrees();
  }

  /** Ends every process on this host that is ours; the records stay, so the next agent starts the instances again. Answers with what would not die. */
  async halt(): Promise<readonly number[]> {
    this.#halting = true;
    await this.#keeper?.leave();
    const router = await Promise.allSettled([this.#parts.supervision?.stop()]);
    this.#feed?.stop();
    const left = (await Promise.all([...this.#slots.values()].map((slot) => slot.halt()))).flat();
    // A router that does not stop is told, but only after the instances were stopped all the same.
    if (router[0].status === 'rejected') throw router[0].reason;
    return left;
  }

  readonly commands: Commands = {
    'resolve-executable': async (packed) => {
      this.#resolving.push(packed.artifact);
      try {
        return await resolveStart(this.#parts.layout, packed);
      } finally {
        this.#resolving.splice(this.#resolving.indexOf(packed.artifact), 1);
      }
    },
    place: async (order) => {
      if (this.#halting) return err({ kind: 'refused', message: `${order.service}: this host is being shut down` });
      return this.#slot(order.service, order.slot).place(order);
    },
    observe: async ({ service, slot }) => ok(this.#slot(service, slot).status()),
    attest: ({ service, slot }) => this.#slot(service, slot).attest(),
    probe: ({ service, slot, path }) => this.#slot(service, slot).probe(path),
    retire: async ({ service, slot, key }) => {
      const answer = await this.#slot(service, slot).retire(key);
      await this.#removeUnusedTrees();
      return answer;
    },
    preserve: ({ service, slot, key, name }) => this.#slot(service, slot).preserve(key, name),
    ps: async () => ok(this.#listing()),
    stop: async ({ instances }) => {
      const left = instances ? await this.halt() : [];
      this.#stopped.resolve();
      return ok({ left });
    },
  };

  #listing(): AgentListing {
    return {
      pid: process.pid,
      ...(this.#keeper === undefined ? {} : { router: this.#keeper.status() }),
      slots: [...this.#slots.values()].map((slot) => slot.status()).filter((slot) => slot.key !== undefined),
      damaged: this.#damaged,
    };
  }

  get #host(): SlotHost {
    const { layout, clock, at, sandbox } = this.#parts;
    return {
      layout,
      clock,
      at,
      walls: sandbox ?? noWalls,
      processes: this.#processes,
      tell: (service: ServiceKey, slot: Slot, filled: SlotEndpoints) => this.#feed?.tell(service, slot, filled),
      heard: async (service, slot) => this.#feed?.heard(service, slot),
    };
  }

  #slot(service: ServiceKey, slot: Slot): SupervisedSlot {
    const name = `${service} ${slot}`;
    const known = this.#slots.get(name) ?? new SupervisedSlot(this.#host, { kind: 'empty', service, slot });
    this.#slots.set(name, known);
    return known;
  }

  /** Trees that no slot needs, and what an extraction left that was cut off. */
  async #removeUnusedTrees(): Promise<void> {
    const { layout } = this.#parts;
    mkdirSync(layout.trees, { recursive: true, mode: 0o700 });
    for (const trees of treeFolders(layout)) await this.#removeUnusedTreesIn(trees);
  }

  async #removeUnusedTreesIn(trees: string): Promise<void> {
    const held = (): readonly string[] =>
      [...[...this.#slots.values()].flatMap((slot) => slot.artifacts()), ...this.#resolving].map((digest) =>
        digest.slice('sha256:'.length),
      );
    const extracting = this.#resolving.length > 0 || [...this.#slots.values()].some((slot) => slot.isPlacing());
    for (const name of readdirSync(trees)) {
      const path = join(trees, name);
      if (name === treeOwnerFile) continue;
      if (name.startsWith('.')) {
        if (!extracting) await removeTree(path);
      } else if (!held().includes(name)) {
        const gone = join(trees, `.gone-${name}-${process.pid}`);
        // Looked and renamed without a pause between: a placement that begins now does not find half a tree.
        renameSync(path, gone);
        await removeTree(gone);
      }
    }
  }
}
