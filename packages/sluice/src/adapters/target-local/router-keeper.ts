import type { Clock } from '#kernel';
import { isRunning, type ProcessIdentity } from '#host';
import type { RouterEndpoints } from '#rollout';

/** How the agent keeps the host's router running, without knowing which router it is. */
export interface RouterSupervision {
  /** Adopts the running router, or starts one with its state from disk. */
  ensureRunning(): Promise<ProcessIdentity>;
  /** Ends the router, for a host that is shut down. */
  stop(): Promise<void>;
  readonly endpoints: RouterEndpoints;
}

/** A dead router is an outage of everything behind it: it is looked at this often, which costs one read of a /proc file. */
const POLL_MS = 20;
const AGAIN_MS = 100;

/** What is known of the router. */
export type RouterStatus = { readonly pid?: number; readonly restarts: number; readonly note?: string };

/** Keeps one router running: adopted when there is one, started again at once when it dies. */
export class RouterKeeper {
  readonly #supervision: RouterSupervision;
  readonly #clock: Clock;
  readonly #renewed: () => void;
  readonly #stop = new AbortController();
  #router: ProcessIdentity | undefined;
  #restarts = 0;
  #note: string | undefined;
  #loop: Promise<void> = Promise.resolve();

  constructor(supervision: RouterSupervision, clock: Clock, renewed: () => void) {
    this.#supervision = supervision;
    this.#clock = clock;
    this.#renewed = renewed;
  }

  begin(): void {
    this.#loop = this.#keep();
  }

  status(): RouterStatus {
    return {
      ...(this.#router === undefined ? {} : { pid: this.#router.pid }),
      restarts: this.#restarts,
      ...(this.#note === undefined ? {} : { note: this.#note }),
    };
  }

  /** Stops keeping; the router runs on (I3). */
  async leave(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
  }

  async #keep(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      if (this.#router === undefined || !isRunning(this.#router)) await this.#renew();
      await this.#pause(this.#router === undefined ? AGAIN_MS : POLL_MS);
    }
  }

  async #renew(): Promise<void> {
    const again = this.#router !== undefined;
    try {
      this.#router = undefined;
      this.#router = await this.#supervision.ensureRunning();
      this.#note = undefined;
      if (again) this.#restarts += 1;
      this.#renewed();
    } catch (error) {
      this.#note = `the router could not be started: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  async #pause(ms: number): Promise<void> {
    await this.#clock.sleep(ms, this.#stop.signal).catch(() => undefined);
  }
}
