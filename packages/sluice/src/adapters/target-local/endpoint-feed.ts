import { err, type Clock } from '#kernel';
import type { RouterEndpoints, ServiceKey, Slot, SlotEndpoints } from '#rollout';

type Told = { readonly service: ServiceKey; readonly slot: Slot; filled: SlotEndpoints; wanted: number; heard: number; busy: boolean };

/** While the router is away it is asked again this often: it restarts in well under a second. */
const AGAIN_MS = 20;
/** A service that the router does not know yet is declared by a rollout, soon. */
const UNDECLARED_MS = 100;
/** So long a retirement waits for a router that cannot be reached: it carries no traffic then. */
const PATIENCE_MS = 2_000;

/** Tells the router where instances listen: only the newest of each slot, at once, and again until it was heard. */
export class EndpointFeed {
  readonly #router: RouterEndpoints;
  readonly #clock: Clock;
  readonly #slots = new Map<string, Told>();
  readonly #stop = new AbortController();

  constructor(router: RouterEndpoints, clock: Clock) {
    this.#router = router;
    this.#clock = clock;
  }

  tell(service: ServiceKey, slot: Slot, filled: SlotEndpoints): void {
    const name = `${service} ${slot}`;
    const told = this.#slots.get(name);
    if (told !== undefined && JSON.stringify(told.filled) === JSON.stringify(filled)) return;
    const next = told ?? { service, slot, filled, wanted: 0, heard: 0, busy: false };
    next.filled = filled;
    next.wanted += 1;
    this.#slots.set(name, next);
    void this.#send(next);
  }

  /** The router is a new process: what an earlier one heard may be older than what is. */
  repeat(): void {
    for (const told of this.#slots.values()) {
      told.wanted += 1;
      void this.#send(told);
    }
  }

  /** Resolves when the router heard the last that was told of a slot, or could not be reached for a while. */
  async heard(service: ServiceKey, slot: Slot): Promise<void> {
    const told = this.#slots.get(`${service} ${slot}`);
    if (told === undefined) return;
    const deadline = this.#clock.monotonic() + PATIENCE_MS;
    while (told.heard < told.wanted && this.#clock.monotonic() < deadline && !this.#stop.signal.aborted) await this.#clock.sleep(2);
  }

  stop(): void {
    this.#stop.abort();
  }

  async #send(told: Told): Promise<void> {
    if (told.busy) return;
    told.busy = true;
    try {
      while (told.heard < told.wanted && !this.#stop.signal.aborted) {
        const version = told.wanted;
        const answer = await this.#ask(told);
        if (answer.ok) told.heard = version;
        // Nothing can reach a service without a public port: an empty slot of it is as good as told.
        else if (answer.error.kind === 'unknown-service' && told.filled.endpoints.length === 0) told.heard = version;
        else
          await this.#clock
            .sleep(answer.error.kind === 'unknown-service' ? UNDECLARED_MS : AGAIN_MS, this.#stop.signal)
            .catch(() => undefined);
      }
    } finally {
      told.busy = false;
    }
  }

  /** Whatever a router's adapter throws is a router that cannot be reached: telling it again is the cure for both. */
  async #ask({ service, slot, filled }: Told): ReturnType<RouterEndpoints['setEndpoints']> {
    try {
      return await this.#router.setEndpoints(service, slot, filled);
    } catch (error) {
      return err({ kind: 'unreachable', message: error instanceof Error ? error.message : String(error) });
    }
  }
}
