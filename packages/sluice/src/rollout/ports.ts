import type { BasisPoints, Digest, Duration, Isolation, ResourceLimits, Result } from '#kernel';
import type { Histogram } from './histogram.ts';

/** One of the two places of a service: while one is live, the other is free for the next version. */
export type Slot = 'blue' | 'green';

/** A service in an environment, `production/api`: what targets and routers know it by. */
export type ServiceKey = `${string}/${string}`;

/** The share of traffic of each slot; together 10,000 basis points, or both 0 while nothing is live. */
export type Weights = { readonly blue: BasisPoints; readonly green: BasisPoints };

/** Where an instance listens. */
export type Endpoint = { readonly host: string; readonly port: number };

// ---------------------------------------------------------------- router

/** What a slot answered since `generation` began: counters only grow within a generation and start again with a new one. */
export type SlotCounters = {
  /** Changes when the router started again or the slot was filled anew. */
  readonly generation: string;
  /** Requests that came to an end, whatever their status, an answer of the router's own (502, 503) included; for connections: connections ended. */
  readonly answers: number;
  /** Answers with status 500 to 599, and requests that got no answer of the slot at all. */
  readonly errors: number;
  readonly inFlight: number;
  /** Open connections that live long: WebSocket or TCP. */
  readonly sessions: number;
  /** From the request's head received to the last byte handed to the client's connection; for connections: until the slot accepted it. */
  readonly latency: Histogram;
  /** Requests whose client left before the answer was complete: neither answers nor errors, and bad ones for the judge, because a slot that hangs shows nowhere else. */
  readonly abandoned?: number;
  /** How long those requests had been open when their client left: one that left sooner than answers usually come says nothing of the slot. */
  readonly abandonedAfter?: Histogram;
  /** Requests and connections that the other slot took because no instance of this one could: errors of this slot, and counted as such. */
  readonly fallbacks?: number;
  readonly lastFallbackAt?: number;
  /**
   * Long-lived connections that the instance ended first, without a word that something was wrong. In many protocols that is as it should be, so they are no errors;
   * only beside the other slot do they say something. A connection that the instance broke, or closed with a code for a failure, is an error.
   */
  readonly dropped?: number;
  /** Epoch milliseconds (with fractions) of the first and the last error of this generation. */
  readonly firstErrorAt?: number;
  readonly lastErrorAt?: number;
};

/** Why weight may not move until a new rollout takes an epoch. */
export type Latch = { readonly at: string; readonly by: string; readonly reason: string };

/** What the data plane really does now with one service. */
export type RouterObservation = {
  readonly service: ServiceKey;
  readonly listen: Endpoint;
  readonly epoch: number;
  readonly latch?: Latch;
  readonly weights: Weights;
  /** Where a revert goes; absent while there is nothing to go back to. */
  readonly revertTo?: Slot;
  readonly endpoints: Readonly<Record<Slot, readonly Endpoint[]>>;
  readonly counters: Readonly<Record<Slot, SlotCounters>>;
  /** Why what is in force is not on disk yet: a revert moves traffic although its record cannot be written, and says so here until it is. */
  readonly recordPending?: string;
};

/** A revert as the router journaled it, waiting to enter the ledger. */
export type JournaledRevert = {
  readonly id: string;
  readonly service: ServiceKey;
  readonly at: string;
  readonly by: string;
  readonly reason: string;
  readonly epoch: number;
  readonly from: Weights;
  readonly to: Weights;
  /** Microseconds from the command's arrival until the new weights were in force and durable. */
  readonly tookMicroseconds: number;
};

/** Why a router did not do as told. */
export type RouterRefusal =
  | { readonly kind: 'stale-epoch'; readonly epoch: number }
  | { readonly kind: 'latched'; readonly epoch: number; readonly latch: Latch }
  | { readonly kind: 'unknown-service' }
  | { readonly kind: 'nothing-to-revert-to' }
  | { readonly kind: 'port-in-use'; readonly port: number }
  /** The order could not be made durable (a full disk) and was therefore not applied. */
  | { readonly kind: 'not-durable'; readonly message: string }
  | { readonly kind: 'unreachable'; readonly message: string };

type Routed = Promise<Result<RouterObservation, RouterRefusal>>;

/** Where a request names whom it belongs to: all requests with the same value go to the same slot, as long as its weight does not shrink. */
export type StickyKey = { readonly from: 'header' | 'cookie' | 'query'; readonly name: string };

/** How a service gets its traffic. */
export type TrafficDeclaration = {
  readonly traffic: 'request' | 'connection';
  readonly port?: number;
  /** Only for requests: a raw connection names nobody. */
  readonly sticky?: StickyKey;
};

/** Splits the traffic of services between their slots. Every command is idempotent. */
export interface Router {
  readonly kind: string;
  /** Opens the service's public port; without a wanted port a free one is found once and kept. */
  declare(service: ServiceKey, how: TrafficDeclaration): Routed;
  /** Takes the next epoch for a new rollout and lifts a latch. Refused as stale unless `after` is the router's epoch now: of two takers one wins. */
  takeEpoch(service: ServiceKey, after: number): Routed;
  /** Moves weight. Refused when the epoch is not the router's own, or a latch holds (I14). */
  route(service: ServiceKey, order: { readonly epoch: number; readonly weights: Weights; readonly revertTo?: Slot }): Routed;
  /** All traffic back to `revertTo`, at once and latched, whatever the epoch (I2). A second revert changes nothing. */
  revert(service: ServiceKey, why: { readonly id: string; readonly by: string; readonly reason: string }): Routed;
  observe(service: ServiceKey): Routed;
  /** Reverts after the one with this id, oldest first; all without an id. */
  revertsAfter(id: string | undefined): Promise<Result<readonly JournaledRevert[], RouterRefusal>>;
}

/** What a slot was filled with, and where its instances listen now. `key` is that of the slot's order: another key is a new generation of counters. */
export type SlotEndpoints = { readonly key: string; readonly endpoints: readonly Endpoint[] };

/** The side of a router that the owner of the instances talks to. It moves no weight, so no epoch gates it. */
export interface RouterEndpoints {
  /** Replaces the endpoints of a slot, at once. Connections to endpoints that stay are kept. */
  setEndpoints(service: ServiceKey, slot: Slot, filled: SlotEndpoints): Routed;
}

// ---------------------------------------------------------------- target

/** What shall run in a slot. Idempotent under `key`: the same key again is the same instances. */
export type SlotOrder = {
  readonly key: string;
  readonly service: ServiceKey;
  readonly slot: Slot;
  readonly version: string;
  readonly artifact: Digest;
  /** Where the archive lies for the target to read. */
  readonly archive: string;
  /** Digest of what `start` must lead to, as `resolveExecutable` told it. */
  readonly executable: Digest;
  readonly start: readonly [program: string, ...args: string[]];
  readonly instances: number;
  readonly env: Readonly<Record<string, string>>;
  /** Names of secrets that the target reads from its own secret store; values never travel in an order. */
  readonly secrets: readonly string[];
  /** Variables whose value is a lasting folder of the service's own, kept by the target. */
  readonly folders: Readonly<Record<string, string>>;
  readonly health: HealthProbe;
  readonly startWithin: Duration;
  readonly stopWithin: Duration;
  /** Upper bounds for all processes of one instance together, as far as the target can enforce them. */
  readonly limits?: ResourceLimits;
};

/**
 * How the target looks at an instance: `rise` good looks in a row bring it into the router, `fall` bad ones in a row take it out. The last instance of a slot that
 * takes traffic needs two bad looks at least: taking it out is an outage.
 */
export type HealthProbe = { readonly interval: Duration; readonly timeout: Duration; readonly rise: number; readonly fall: number } & (
  | { readonly kind: 'http'; readonly path: string }
  | { readonly kind: 'connect' }
);

/** One process of a slot, as the target sees it. */
export type InstanceStatus = {
  readonly name: string;
  readonly state: 'starting' | 'healthy' | 'unhealthy' | 'exited' | 'stopping' | 'stopped';
  readonly pid?: number;
  readonly endpoint?: Endpoint;
  readonly restarts: number;
  readonly healthFailuresInARow: number;
  /** The last thing worth telling: an exit code, the end of the log, a refused connection. */
  readonly note?: string;
  /** How its process ended the last time that nobody had asked it to; absent while none did. `restarts` says how often. */
  readonly lastExit?: InstanceExit;
  /** What it uses now; absent where the target cannot measure it. */
  readonly usage?: InstanceUsage;
};

/** How a process of an instance ended without being told to. */
export type InstanceExit = {
  readonly how:
    | { readonly kind: 'code'; readonly code: number }
    | { readonly kind: 'signal'; readonly signal: string }
    /** It could not be started at all, or ended while nobody could learn how. */
    | { readonly kind: 'unknown' };
  /** Epoch milliseconds. */
  readonly at: number;
  /** The end of what it printed, oldest first: at most 5 lines of at most 200 characters, without control characters. */
  readonly lastLines: readonly string[];
};

/** What the processes of an instance use together. */
export type InstanceUsage = {
  /** Resident memory in bytes. */
  readonly memoryBytes: number;
  /** CPU time in milliseconds since its process started; starts again with a new process. */
  readonly cpuMs: number;
};

/** What is in a slot now; `key` is absent while the slot is empty. */
export type SlotStatus = {
  readonly service: ServiceKey;
  readonly slot: Slot;
  readonly key?: string;
  readonly version?: string;
  /** How well its instances are kept to themselves; absent while the slot is empty. */
  readonly isolation?: Isolation;
  readonly instances: readonly InstanceStatus[];
};

/** What an instance really runs, measured by the target from the extracted archive and the running executable; what the service says of itself is beside it. */
export type Attestation = {
  readonly instance: string;
  readonly pid: number;
  readonly artifact: Digest;
  /** Of what runs: the digest that the order names when everything that serves is a program its start command leads to, or lies in the artifact; that of the odd one otherwise. */
  readonly executable: Digest;
  /** For people: where what runs lies, and what the start command leads to. */
  readonly program?: { readonly runs: string; readonly ordered: string };
  /** Code that it took, or could take, from outside of its artifact; absent when nothing of the kind was found. */
  readonly foreign?: readonly string[];
  readonly selfReported?: { readonly version?: string; readonly digest?: string };
};

/** Why a target could not do as told. */
export type TargetProblem =
  | { readonly kind: 'unreachable'; readonly message: string }
  | { readonly kind: 'archive-unreadable'; readonly message: string }
  | { readonly kind: 'digest-mismatch'; readonly message: string }
  | { readonly kind: 'never-healthy'; readonly message: string }
  | { readonly kind: 'slot-busy'; readonly message: string }
  | { readonly kind: 'missing-secret'; readonly message: string }
  | { readonly kind: 'refused'; readonly message: string };

type Targeted<T> = Promise<Result<T, TargetProblem>>;

/** Where the processes of services live. Every command is idempotent and may be repeated after a crash of either side. */
export interface Target {
  readonly kind: string;
  /**
   * Digest of what a start command of a packed artifact runs here in the end. Refused, with what to write instead, when that cannot be told before it runs: what nobody can
   * name nobody can approve.
   */
  resolveExecutable(start: SlotOrder['start'], packed: Pick<SlotOrder, 'artifact' | 'archive'>): Targeted<Digest>;
  /** Extracts the archive and starts the instances; answers once they were started, not when they are healthy. */
  place(order: SlotOrder): Targeted<SlotStatus>;
  observe(service: ServiceKey, slot: Slot): Targeted<SlotStatus>;
  attest(service: ServiceKey, slot: Slot): Targeted<readonly Attestation[]>;
  /** One GET to each instance, past the router. */
  probe(service: ServiceKey, slot: Slot, path: string): Targeted<readonly ProbeAnswer[]>;
  /**
   * Stops the instances of the order with this key: SIGTERM, deadline, SIGKILL. Answers when none of them runs. A slot that holds another order is left alone and
   * shown as it is: what was to be stopped does not run, and a controller that slept must not stop what was placed there since.
   */
  retire(service: ServiceKey, slot: Slot, key: string): Targeted<SlotStatus>;
  /**
   * Keeps logs and measurements of the order with this key under a name, before its slot is used again; answers with the folder. An empty slot still has those of
   * the order it held last. Refused while the slot holds another order: its logs under this name would be false evidence.
   */
  preserve(service: ServiceKey, slot: Slot, key: string, name: string): Targeted<string>;
}

/** What an instance answered to a probe; status 0 when it did not answer. */
export type ProbeAnswer = { readonly instance: string; readonly status: number; readonly body: string };

// ---------------------------------------------------------------- measurements

/** Both slots at the same moment. `at` is monotonic milliseconds of the reader's clock. */
export type Sample = {
  readonly at: number;
  readonly counters: Readonly<Record<Slot, SlotCounters>>;
  readonly instances: readonly InstanceStatus[];
};

/** Where measurements of a service come from. What cannot be read is said so, and is inconclusive. */
export interface MetricSource {
  sample(service: ServiceKey, candidate: Slot): Promise<Result<Sample, { readonly message: string }>>;
}
