import { bucketCount, bucketOf, type Endpoint, type SlotCounters, type SlotEndpoints } from '#rollout';
import type { Descriptors } from './descriptors.ts';
import type { TunnelEnd } from './tunnel-end.ts';
import { Upstream } from './upstream.ts';

/** What the traffic of a slot takes from outside. */
export type TrafficSources = {
  readonly now: () => number;
  readonly newGeneration: () => string;
  readonly descriptors: Descriptors;
};

/** The traffic of one slot: where it goes, and what was counted. */
export class SlotTraffic {
  inFlight = 0;
  sessions = 0;
  readonly #now: () => number;
  readonly #newGeneration: () => string;
  readonly #descriptors: Descriptors;
  readonly #latency = new Float64Array(bucketCount);
  #generation: string;
  #key = '';
  #answers = 0;
  #errors = 0;
  #abandoned = 0;
  readonly #abandonedAfter = new Float64Array(bucketCount);
  #fallbacks = 0;
  #lastFallbackAt: number | undefined;
  #dropped = 0;
  #firstErrorAt: number | undefined;
  #lastErrorAt: number | undefined;
  #upstreams: readonly Upstream[] = [];
  #turn = 0;

  constructor({ now, newGeneration, descriptors }: TrafficSources) {
    this.#now = now;
    this.#newGeneration = newGeneration;
    this.#descriptors = descriptors;
    this.#generation = newGeneration();
  }

  /** Follows new endpoints. Upstreams that stay keep their connections; the idle connections of those that go are closed. */
  fill({ key, endpoints }: SlotEndpoints): void {
    if (key !== this.#key) {
      this.#key = key;
      this.#restart();
    }
    const kept = this.#upstreams.filter((upstream) => endpoints.some((endpoint) => sameEndpoint(endpoint, upstream.endpoint)));
    for (const upstream of this.#upstreams) if (!kept.includes(upstream)) upstream.close();
    this.#upstreams = endpoints.map(
      (endpoint) => kept.find((upstream) => sameEndpoint(endpoint, upstream.endpoint)) ?? new Upstream(endpoint, this.#descriptors),
    );
  }

  close(): void {
    for (const upstream of this.#upstreams) upstream.close();
    this.#upstreams = [];
  }

  /**
   * The upstream with the least in flight that was not tried yet, by turns; one that refused a moment ago only when there is no other, and when
   * nobody else can take the request (`resting`).
   */
  pick(tried: readonly Upstream[], { resting }: { readonly resting: boolean }): Upstream | undefined {
    const all = this.#upstreams;
    const only = all[0];
    if (all.length === 1 && tried.length === 0) return resting || only?.resting !== true ? only : undefined;
    let best: Upstream | undefined;
    let bestScore = Infinity;
    this.#turn = all.length === 0 ? 0 : (this.#turn + 1) % all.length;
    for (let at = 0; at < all.length; at += 1) {
      const upstream = all[(this.#turn + at) % all.length];
      if (upstream === undefined || tried.includes(upstream)) continue;
      if (upstream.resting && !resting) continue;
      const score = upstream.inFlight + (upstream.resting ? 1e9 : 0);
      if (score < bestScore) {
        best = upstream;
        bestScore = score;
      }
    }
    return best;
  }

  /** Counts a request or a connection that came to an end. */
  ended(microseconds: number, failed: boolean): void {
    this.#answers += 1;
    const bucket = bucketOf(microseconds);
    this.#latency[bucket] = (this.#latency[bucket] ?? 0) + 1;
    if (!failed) return;
    this.#errors += 1;
    this.#lastErrorAt = this.#now();
    this.#firstErrorAt ??= this.#lastErrorAt;
  }

  /** Counts a request whose client left, after so long. */
  abandoned(microseconds: number): void {
    this.#abandoned += 1;
    const bucket = bucketOf(microseconds);
    this.#abandonedAfter[bucket] = (this.#abandonedAfter[bucket] ?? 0) + 1;
  }

  /** Counts a request, or a connection, that the other slot takes because no instance of this one could: an error of this slot, whatever the other one answers. */
  fellBack(microseconds: number, { counted }: { readonly counted: boolean }): void {
    this.#fallbacks += 1;
    this.#lastFallbackAt = this.#now();
    if (counted) return;
    this.inFlight -= 1;
    this.ended(microseconds, true);
  }

  /** Counts a long-lived connection that came to its end. */
  tunnelEnded(acceptedAfterMicroseconds: number, end: TunnelEnd): void {
    if (end === 'dropped') this.#dropped += 1;
    this.ended(acceptedAfterMicroseconds, end === 'failed');
  }

  get counters(): SlotCounters {
    return {
      generation: this.#generation,
      answers: this.#answers,
      errors: this.#errors,
      inFlight: this.inFlight,
      sessions: this.sessions,
      latency: withoutZeros(this.#latency),
      abandoned: this.#abandoned,
      abandonedAfter: withoutZeros(this.#abandonedAfter),
      fallbacks: this.#fallbacks,
      dropped: this.#dropped,
      ...(this.#lastFallbackAt === undefined ? {} : { lastFallbackAt: this.#lastFallbackAt }),
      ...(this.#firstErrorAt === undefined ? {} : { firstErrorAt: this.#firstErrorAt }),
      ...(this.#lastErrorAt === undefined ? {} : { lastErrorAt: this.#lastErrorAt }),
    };
  }

  #restart(): void {
    this.#generation = this.#newGeneration();
    this.#answers = 0;
    this.#errors = 0;
    this.#abandoned = 0;
    this.#fallbacks = 0;
    this.#dropped = 0;
    this.#lastFallbackAt = undefined;
    this.#latency.fill(0);
    this.#abandonedAfter.fill(0);
    this.#firstErrorAt = undefined;
    this.#lastErrorAt = undefined;
  }
}

const withoutZeros = (counts: Float64Array): number[] => Array.from(counts.subarray(0, counts.findLastIndex((count) => count > 0) + 1));

const sameEndpoint = (a: Endpoint, b: Endpoint): boolean => a.port === b.port && a.host === b.host;
