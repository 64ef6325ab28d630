import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson, err, ok, type Clock, type Digest, type Result } from '#kernel';
import { writeFileDurably } from '#host';
import type { Attestation, Endpoint, ProbeAnswer, ServiceKey, Slot, SlotEndpoints, SlotOrder, SlotStatus, TargetProblem } from '#rollout';
import { isSystemError } from './archive.ts';
import { attestInstance } from './attestation.ts';
import { httpCall } from './http-call.ts';
import { Instance } from './instance.ts';
import { logFolder, type Layout } from './layout.ts';
import type { Family } from './process-family.ts';
import { prepare, removeScratch } from './placement.ts';
import type { ProcessTable } from './process-table.ts';
import type { FilledRecord, InstanceRecord, SlotRecord } from './slot-record.schema.ts';
import { saveSlot } from './slot-store.ts';
import { measure, SharedMeasurement, type Measured } from './start-check.ts';
import type { Trigger } from './trigger-point.ts';
import { wallsFor, type Walls } from './walls.ts';

/** What a slot needs of the agent it belongs to. */
export type SlotHost = {
  readonly layout: Layout;
  readonly clock: Clock;
  readonly at: Trigger;
  /** What this machine can start instances in. */
  readonly walls: Walls;
  readonly processes: ProcessTable;
  /** Tells the router, at once. */
  readonly tell: (service: ServiceKey, slot: Slot, filled: SlotEndpoints) => void;
  /** Resolves when the router has heard the last that was told, or cannot be reached for a while. */
  readonly heard: (service: ServiceKey, slot: Slot) => Promise<void>;
};

type Answer<T> = Promise<Result<T, TargetProblem>>;

/** A probe that takes longer is no answer. */
const PROBE_MS = 5_000;

/** So long an attestation waits for an instance that starts: less than whoever asked for it waits. */
const LONGEST_START_MS = 30_000;
const ATTEST_AGAIN_MS = 20;

/** One slot of one service: its record on disk and its instances. Commands that change it run one after the other. */
export class SupervisedSlot {
  readonly #host: SlotHost;
  #record: SlotRecord;
  #instances: readonly Instance[] = [];
  #placing: Digest | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #writing: Promise<void> = Promise.resolve();

  constructor(host: SlotHost, record: SlotRecord) {
    this.#host = host;
    this.#record = record;
    if (record.kind !== 'empty') this.#instances = this.#instancesOf(record);
  }

  /** Goes on where an earlier agent stopped: adopts, finishes a placement, finishes a retirement. */
  async resume(): Promise<void> {
    await this.#inTurn(async () => {
      const record = this.#record;
      if (record.kind === 'empty') return;
      if (record.kind === 'retiring') await this.#empty(record);
      else await this.#begin();
    });
  }

  async place(order: SlotOrder): Answer<SlotStatus> {
    return this.#inTurn(async () => {
      const record = this.#record;
      if (record.kind === 'empty') return this.#fill(order);
      if (record.kind === 'occupied' && record.order.key === order.key) {
        const same = canonicalJson({ ...order, archive: '' }) === canonicalJson({ ...record.order, archive: '' });
        if (same) return ok(this.status());
        return err({ kind: 'refused', message: `key ${order.key} was used for another order of ${this.#name()}: use a new key` });
      }
      return err({
        kind: 'slot-busy',
        message: `${this.#name()} ${record.kind === 'retiring' ? 'is being emptied of' : 'holds'} ${record.order.version} (key ${record.order.key}): retire it first`,
      });
    });
  }

  /** Stops what was placed under this key. Looked at in turn: a placement that came before this command is seen, and left alone. */
  async retire(key: string): Answer<SlotStatus> {
    return this.#inTurn(async () => {
      const record = this.#record;
      return record.kind === 'empty' || record.order.key !== key ? ok(this.status()) : this.#empty(record);
    });
  }

  /** Stops the processes and keeps the record, so that the next agent starts them again. */
  async halt(): Promise<readonly number[]> {
    return this.#inTurn(async () => {
      return (await Promise.all(this.#instances.map((instance) => instance.stop()))).flat();
    });
  }

  status(): SlotStatus {
    const { service, slot } = this.#record;
    if (this.#record.kind === 'empty') return { service, slot, instances: [] };
    const { key, version } = this.#record.order;
    const { isolation } = this.#record;
    return { service, slot, key, version, isolation, instances: this.#instances.map((instance) => instance.status()) };
  }

  /** Every instance, or a problem: an attestation that leaves one out would prove nothing (I6). */
  async attest(): Answer<readonly Attestation[]> {
    const record = this.#record;
    if (record.kind === 'empty') return err({ kind: 'refused', message: `${this.#name()} is empty: there is nothing to attest` });
    if (this.#instances.length < record.order.instances)
      return err({
        kind: 'refused',
        message: `${this.#name()} has ${this.#instances.length} of ${record.order.instances} instances yet: attest again later`,
      });
    const measured = await measure(record.order, record.tree);
    if (!measured.ok) return measured;
    const found: Attestation[] = [];
    for (const instance of this.#instances) {
      const attestation = await this.#attestSettled(measured.value, instance);
      if (!attestation.ok) return attestation;
      found.push(attestation.value);
    }
    return ok(found);
  }

  /** While an instance starts, walls are built around it and programs become one another: what it runs is only told when it is what was ordered, or will not change by itself any more. */
  async #attestSettled(measured: Measured, instance: Instance): Answer<Attestation> {
    const { clock } = this.#host;
    const deadline = clock.monotonic() + Math.min(measured.order.startWithin, LONGEST_START_MS);
    for (;;) {
      const starts = instance.status().state === 'starting';
      const attested = await attestInstance(measured, instance);
      if (!starts || (attested.ok && attested.value.executable === measured.order.executable)) return attested;
      if (clock.monotonic() >= deadline) return attested;
      await clock.sleep(ATTEST_AGAIN_MS);
    }
  }

  async probe(path: string): Answer<readonly ProbeAnswer[]> {
    const answers = this.#instances.map(async (each): Promise<ProbeAnswer> => {
      const { name, endpoint, note } = each.status();
      if (endpoint === undefined) return { instance: name, status: 0, body: note ?? 'not running' };
      const answer = await httpCall(endpoint, { method: 'GET', path, within: PROBE_MS });
      if (answer.kind === 'answered') return { instance: name, status: answer.status, body: answer.body };
      return { instance: name, status: 0, body: answer.kind === 'failed' ? answer.message : `no answer in ${PROBE_MS} ms` };
    });
    return ok(await Promise.all(answers));
  }

  async preserve(key: string, name: string): Answer<string> {
    const { layout, clock } = this.#host;
    const record = this.#record;
    const { service, slot } = record;
    if (record.kind !== 'empty' && record.order.key !== key) {
      const held = `${record.order.version} (key ${record.order.key})`;
      return err({ kind: 'refused', message: `${this.#name()} holds ${held} now: the logs of key ${key} are no longer its own` });
    }
    const folder = join(layout.stateFolder, 'preserved', name);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const logs = logFolder(layout, service, slot);
      await mkdir(logs, { recursive: true, mode: 0o700 });
      await cp(logs, join(folder, 'logs'), { recursive: true });
      await writeFileDurably(join(folder, 'slot.json'), JSON.stringify({ at: clock.now(), status: this.status() }, undefined, 2));
      return ok(folder);
    } catch (error) {
      if (isSystemError(error))
        return err({ kind: 'refused', message: `cannot preserve the logs of ${this.#name()} in ${folder}: ${error.message}` });
      throw error;
    }
  }

  /** The artifact whose tree this slot needs. */
  artifacts(): readonly Digest[] {
    return [
      ...(this.#record.kind === 'empty' ? [] : [this.#record.order.artifact]),
      ...(this.#placing === undefined ? [] : [this.#placing]),
    ];
  }

  /** Whether a placement is under way, which may be extracting. */
  isPlacing(): boolean {
    return this.#placing !== undefined;
  }

  async #fill(order: SlotOrder): Answer<SlotStatus> {
    this.#placing = order.artifact;
    let recorded = false;
    try {
      const { isolation } = this.#host.walls;
      const prepared = await prepare(this.#host.layout, order, isolation);
      if (!prepared.ok) return prepared;
      await this.#host.at('place:extracted');
      const [, service = ''] = order.service.split('/');
      const instances = Array.from({ length: order.instances }, (_, at) => ({
        name: `${service}-${order.slot}-${at + 1}`,
        restarts: 0,
        start: { kind: 'none' } as const,
      }));
      const { service: key, slot } = order;
      const record: FilledRecord = { kind: 'occupied', service: key, slot, order, ...prepared.value, isolation, instances };
      await this.#save(record);
      recorded = true;
      await this.#host.at('place:recorded');
      this.#instances = this.#instancesOf(record);
      await this.#begin();
      return ok(this.status());
    } catch (error) {
      if (!recorded) this.#record = { kind: 'empty', service: order.service, slot: order.slot };
      if (isSystemError(error))
        return err({ kind: 'refused', message: `cannot place ${order.version} in ${this.#name()}: ${error.message}` });
      throw error;
    } finally {
      this.#placing = undefined;
    }
  }

  async #begin(): Promise<void> {
    await Promise.all(this.#instances.map((instance) => instance.begin()));
    this.#tellRouter();
  }

  async #empty(record: FilledRecord): Answer<SlotStatus> {
    const { service, slot } = record;
    await this.#save({ ...record, kind: 'retiring', instances: this.#recordsNow(record) });
    await this.#host.at('retire:recorded');
    // Out of the router first: a request that still came here would meet a draining or a dead instance.
    this.#host.tell(service, slot, { key: record.order.key, endpoints: [] });
    await this.#host.heard(service, slot);
    const left = (await Promise.all(this.#instances.map((instance) => instance.stop()))).flat();
    if (left.length > 0)
      return err({ kind: 'refused', message: `${this.#name()}: process ${left.join(', ')} does not end after SIGKILL: look at this host` });
    await this.#host.at('retire:stopped');
    const instances = this.#instances.map((instance) => instance.status());
    await this.#save({ kind: 'empty', service, slot });
    await removeScratch(this.#host.layout, { service, slot }).catch(() => undefined);
    this.#instances = [];
    return ok({ service, slot, instances });
  }

  #recordsNow(record: FilledRecord): FilledRecord['instances'] {
    return this.#record.kind === 'empty' ? record.instances : this.#record.instances;
  }

  #instancesOf(record: FilledRecord): readonly Instance[] {
    const { layout, clock, at, walls, processes } = this.#host;
    const { order, tree, isolation } = record;
    const onDisk = new SharedMeasurement(() => measure(order, tree));
    const plan = {
      order,
      tree,
      layout,
      clock,
      at,
      walls: wallsFor(isolation, walls),
      measure: () => onDisk.take(),
      usageOf: (family: Family) => processes.usageOf(family),
      isLast: () => this.#healthyEndpoints().length === 1,
      save: (changed: InstanceRecord) => this.#saveInstance(changed),
      changed: () => this.#tellRouter(),
    };
    return record.instances.map((instance) => new Instance(plan, instance));
  }

  #tellRouter(): void {
    if (this.#record.kind !== 'occupied') return;
    const { service, slot, order } = this.#record;
    this.#host.tell(service, slot, { key: order.key, endpoints: this.#healthyEndpoints() });
  }

  #healthyEndpoints(): readonly Endpoint[] {
    return this.#instances.flatMap((instance) => {
      const { state, endpoint } = instance.status();
      return state === 'healthy' && endpoint !== undefined ? [endpoint] : [];
    });
  }

  async #saveInstance(changed: InstanceRecord): Promise<void> {
    if (this.#record.kind === 'empty') return;
    const instances = this.#record.instances.map((instance) => (instance.name === changed.name ? changed : instance));
    await this.#save({ ...this.#record, instances });
  }

  /** One write at a time, each with the newest state. A failed write fails its caller only. */
  async #save(record: SlotRecord): Promise<void> {
    this.#record = record;
    const write = this.#writing.then(() => saveSlot(this.#host.layout, this.#record));
    this.#writing = write.catch(() => undefined);
    await write;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  #name(): string {
    return `${this.#record.service} ${this.#record.slot}`;
  }
}
