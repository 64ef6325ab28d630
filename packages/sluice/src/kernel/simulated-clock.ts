import type { Clock } from './clock.ts';

type Sleeper = { readonly wakeAt: number; readonly wake: () => void };

/** A clock that moves only when told to: the twin of the machine's clock in tests and simulations. */
export class SimulatedClock implements Clock {
  #monotonic = 0;
  #offset: number;
  #sleepers: readonly Sleeper[] = [];

  constructor(startEpochMs = 1_700_000_000_000) {
    this.#offset = startEpochMs;
  }

  now(): number {
    return this.#offset + this.#monotonic;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  /** How many sleepers wait: lets a test wait until the code under test sleeps. */
  get sleeping(): number {
    return this.#sleepers.length;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const sleeper: Sleeper = { wakeAt: this.#monotonic + ms, wake: () => settle(resolve) };
      const onAbort = (): void => settle(() => reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted')));
      const settle = (done: () => void): void => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        signal?.removeEventListener('abort', onAbort);
        done();
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#sleepers = [...this.#sleepers, sleeper];
    });
  }

  /** Moves time forward by `ms`, waking sleepers in the order of their times and letting the work each wakes run first. */
  async advance(ms: number): Promise<void> {
    const target = this.#monotonic + ms;
    for (;;) {
      const due = this.#sleepers.filter((sleeper) => sleeper.wakeAt <= target).toSorted((a, b) => a.wakeAt - b.wakeAt)[0];
      if (due === undefined) break;
      this.#monotonic = Math.max(this.#monotonic, due.wakeAt);
      due.wake();
      await settled();
    }
    this.#monotonic = target;
    await settled();
  }

  /** Sets the wall clock, as an administrator or a bad time source would; durations are not touched. */
  jump(byMs: number): void {
    this.#offset += byMs;
  }
}

/** Lets pending promise callbacks run: a woken sleeper's work may take several turns of the microtask queue. */
const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};
