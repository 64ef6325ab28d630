import { canonicalJson, digestOf, err, ok, type Digest, type Result } from '#kernel';
import type { Attestation, InstanceStatus, ProbeAnswer, ServiceKey, Slot, SlotOrder, SlotStatus, Target, TargetProblem } from './ports.ts';

/** How an instance of the fake target behaves; what is left out behaves well. */
export type FakeInstance = {
  readonly status: InstanceStatus;
  readonly artifact: Digest;
  readonly executable: Digest;
  readonly selfReported?: { readonly version?: string; readonly digest?: string };
  readonly answers: (path: string) => { readonly status: number; readonly body: string };
};

type Filled = { readonly order: SlotOrder; readonly instances: Map<string, FakeInstance> };

/** A target without processes, for simulations and tests: the same rules as the real one (both pass the contract in `target-contract.ts`), and instances that the test steers. */
export class FakeTarget implements Target {
  readonly kind = 'fake';
  /** Every start of an instance, oldest first: an instance that was started twice stands here twice. */
  readonly started: string[] = [];
  readonly preserved: string[] = [];
  /** What every command answers while it is set. */
  problem: TargetProblem | undefined;
  readonly #behaviour: (order: SlotOrder) => Partial<FakeInstance>;
  readonly #slots = new Map<string, Filled>();

  constructor(behaviour: (order: SlotOrder) => Partial<FakeInstance> = () => ({})) {
    this.#behaviour = behaviour;
  }

  /** Digest of a program, made of its name. */
  static readonly executable = (program: string): Digest => digestOf(`program ${program}`);

  async resolveExecutable([program]: SlotOrder['start']): Promise<Result<Digest, TargetProblem>> {
    return this.#answer(() => ok(FakeTarget.executable(program)));
  }

  async place(order: SlotOrder): Promise<Result<SlotStatus, TargetProblem>> {
    return this.#answer(() => {
      const held = this.#slots.get(nameOf(order.service, order.slot));
      if (held === undefined) return ok(this.#fill(order));
      if (held.order.key !== order.key)
        return err({ kind: 'slot-busy', message: `${nameOf(order.service, order.slot)} holds ${held.order.version}` });
      if (canonicalJson(held.order) === canonicalJson(order)) return ok(this.#status(order.service, order.slot));
      return err({ kind: 'refused', message: `key ${order.key} was used for another order` });
    });
  }

  async observe(service: ServiceKey, slot: Slot): Promise<Result<SlotStatus, TargetProblem>> {
    return this.#answer(() => ok(this.#status(service, slot)));
  }

  async attest(service: ServiceKey, slot: Slot): Promise<Result<readonly Attestation[], TargetProblem>> {
    return this.#answer(() => {
      const instances = [...(this.#slots.get(nameOf(service, slot))?.instances.values() ?? [])];
      if (instances.length === 0) return err({ kind: 'refused', message: `${nameOf(service, slot)} is empty` });
      const attested: Attestation[] = [];
      for (const { status, artifact, executable, selfReported } of instances) {
        if (status.pid === undefined) return err({ kind: 'refused', message: `${status.name}: is not running` });
        attested.push({
          instance: status.name,
          pid: status.pid,
          artifact,
          executable,
          ...(selfReported === undefined ? {} : { selfReported }),
        });
      }
      return ok(attested);
    });
  }

  async probe(service: ServiceKey, slot: Slot, path: string): Promise<Result<readonly ProbeAnswer[], TargetProblem>> {
    return this.#answer(() => {
      const instances = [...(this.#slots.get(nameOf(service, slot))?.instances.values() ?? [])];
      return ok(
        instances.map(({ status, answers }) =>
          status.pid === undefined
            ? { instance: status.name, status: 0, body: 'not running' }
            : { instance: status.name, ...answers(path) },
        ),
      );
    });
  }

  async retire(service: ServiceKey, slot: Slot, key: string): Promise<Result<SlotStatus, TargetProblem>> {
    return this.#answer(() => {
      const held = this.#slots.get(nameOf(service, slot));
      if (held !== undefined && held.order.key !== key) return ok(this.#status(service, slot));
      const instances = this.#status(service, slot).instances.map(({ name, restarts, healthFailuresInARow }) => ({
        name,
        state: 'stopped' as const,
        restarts,
        healthFailuresInARow,
      }));
      this.#slots.delete(nameOf(service, slot));
      return ok({ service, slot, instances });
    });
  }

  async preserve(service: ServiceKey, slot: Slot, key: string, name: string): Promise<Result<string, TargetProblem>> {
    return this.#answer(() => {
      const held = this.#slots.get(nameOf(service, slot))?.order;
      if (held !== undefined && held.key !== key)
        return err({ kind: 'refused', message: `${nameOf(service, slot)} holds ${held.version} (key ${held.key}) now` });
      this.preserved.push(`${nameOf(service, slot)} as ${name}`);
      return ok(`/preserved/${name}`);
    });
  }

  /** Changes how an instance is from now on. */
  change(service: ServiceKey, slot: Slot, instance: string, changes: Partial<FakeInstance>): void {
    const held = this.#slots.get(nameOf(service, slot));
    const known = held?.instances.get(instance);
    if (held === undefined || known === undefined) throw new Error(`no instance ${instance} in ${nameOf(service, slot)}`);
    held.instances.set(instance, { ...known, ...changes });
  }

  /** An instance died and was started again. */
  restart(service: ServiceKey, slot: Slot, instance: string): void {
    const known = this.#slots.get(nameOf(service, slot))?.instances.get(instance);
    if (known === undefined) throw new Error(`no instance ${instance} in ${nameOf(service, slot)}`);
    this.started.push(`${nameOf(service, slot)} ${instance}`);
    const status = { ...known.status, pid: this.started.length, restarts: known.status.restarts + 1, note: 'exited with code 1' };
    this.change(service, slot, instance, { status });
  }

  #fill(order: SlotOrder): SlotStatus {
    const [, service = ''] = order.service.split('/');
    const instances = new Map<string, FakeInstance>();
    for (let at = 1; at <= order.instances; at += 1) {
      const name = `${service}-${order.slot}-${at}`;
      this.started.push(`${nameOf(order.service, order.slot)} ${name}`);
      const pid = this.started.length;
      const status: InstanceStatus = {
        name,
        state: 'healthy',
        pid,
        endpoint: { host: '127.0.0.1', port: 20_000 + pid },
        restarts: 0,
        healthFailuresInARow: 0,
      };
      const good: FakeInstance = {
        status,
        artifact: order.artifact,
        executable: order.executable,
        selfReported: { version: order.version, digest: order.artifact },
        answers: () => ({ status: 200, body: 'ok' }),
      };
      const given = this.#behaviour(order);
      instances.set(name, { ...good, ...given, status: { ...status, ...given.status, name } });
    }
    this.#slots.set(nameOf(order.service, order.slot), { order, instances });
    return this.#status(order.service, order.slot);
  }

  #status(service: ServiceKey, slot: Slot): SlotStatus {
    const held = this.#slots.get(nameOf(service, slot));
    if (held === undefined) return { service, slot, instances: [] };
    const { key, version } = held.order;
    return { service, slot, key, version, instances: [...held.instances.values()].map((instance) => instance.status) };
  }

  #answer<T>(work: () => Result<T, TargetProblem>): Result<T, TargetProblem> {
    return this.problem === undefined ? work() : err(this.problem);
  }
}

const nameOf = (service: ServiceKey, slot: Slot): string => `${service} ${slot}`;
