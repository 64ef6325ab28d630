import type { Crash } from './crash.ts';

/** What one slot did during a watch. Latencies in microseconds. */
export type SlotNumbers = {
  readonly answers: number;
  readonly errors: number;
  /** Requests whose client left before the answer was complete; absent when there were none. */
  readonly abandoned?: number;
  readonly p50?: number;
  readonly p99?: number;
};

/** The numbers behind a verdict, for people and for the record. */
export type WatchNumbers = {
  readonly watchedMs: number;
  readonly samples: number;
  readonly candidate: SlotNumbers;
  /** Requests of our own, apart from the traffic; absent where none were sent. */
  readonly probes?: { readonly answers: number; readonly failed: number };
  readonly stable?: SlotNumbers;
  /** Epoch milliseconds of the new slot's first bad answer: from here the clock of a fault runs. */
  readonly firstErrorAt?: number;
};

/** Which rule found a fault. `hard-*` are ours, the others are declared triggers. */
export type FaultRule =
  | 'hard-errors'
  | 'hard-latency'
  | 'error-rate'
  | 'latency'
  | 'health-failures'
  | 'restarts'
  | 'memory'
  | 'memory-growth'
  | 'cpu'
  | 'probes';

/** A watch that found the new version bad; `crash` when an instance of it ended by itself, which is then the cause. */
export type Fault = {
  readonly kind: 'fail';
  readonly rule: FaultRule;
  readonly because: string;
  readonly numbers: WatchNumbers;
  readonly crash?: Crash;
};

/** How a watch ended. */
export type WatchEnd =
  | { readonly kind: 'pass'; readonly because: string; readonly numbers: WatchNumbers }
  | Fault
  | { readonly kind: 'inconclusive'; readonly because: string; readonly numbers: WatchNumbers; readonly crash?: Crash };

/** What a watch says after each sample. `doubt` is why it does not count, or not yet end, while exposure holds. */
export type WatchVerdict = { readonly kind: 'continue'; readonly doubt?: string } | WatchEnd;
