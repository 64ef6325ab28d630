import { bucketCount, bucketOf, type Endpoint, type SlotCounters, type SlotEndpoints } from '#rollout';
import { Upstream } from './upstream.ts';

/** The traffic of one slot: where it goes, and what was counted. */
export class SlotTraffic {
  inFlight = 0;
  sessions = 0;
  readonly #now: () => number;
  readonly #newGeneration: () => string;
  readonly #latency = new Float64Array(bucketCount);
  #generation: string;
  #key = '';
  #answers = 0;
  #errors = 0;
  #abandoned = 0;
  #firstErrorAt: number | undefined;
  #lastErrorAt: number | undefined;
  #upstreams: readonly Upstream[] = [];
  #turn = 0;

  constructor(now: () => number, newGeneration: () => string) {
    this.#now = now;
    this.#newGeneration = newGeneration;
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
      (endpoint) => kept.find((upstream) => sameEndpoint(endpoint, upstream.endpoint)) ?? new Upstream(endpoint),
    );
  }

  close(): void {
    for (const upstream of this.#upstreams) upstream.close();
    this.#upstreams = [];
  }

  /** The upstream with the least in flight that was not tried yet, by turns; one that refused a moment ago only when there is no other. */
  pick(tried: readonly Upstream[]): Upstream | undefined {
    const all = this.#upstreams;
    const only = all[0];
    if (all.length === 1 && tried.length === 0) return only;
    let best: Upstream | undefined;
    let bestScore = Infinity;
    this.#turn = all.length === 0 ? 0 : (this.#turn + 1) % all.length;
    for (let at = 0; at < all.length; at += 1) {
      const upstream = all[(this.#turn + at) % all.length];
      if (upstream === undefined || tried.includes(upstream)) continue;
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

  /** Counts a request whose client left. */
  abandoned(): void {
    this.#abandoned += 1;
  }

  get counters(): SlotCounters {
    const last = this.#latency.findLastIndex((count) => count > 0);
    return {
      generation: this.#generation,
      answers: this.#answers,
      errors: this.#errors,
      inFlight: this.inFlight,
      sessions: this.sessions,
      latency: Array.from(this.#latency.subarray(0, last + 1)),
      abandoned: this.#abandoned,
      ...(this.#firstErrorAt === undefined ? {} : { firstErrorAt: this.#firstErrorAt }),
      ...(this.#lastErrorAt === undefined ? {} : { lastErrorAt: this.#lastErrorAt }),
    };
  }

  #restart(): void {
    this.#generation = this.#newGeneration();
    this.#answers = 0;
    this.#errors = 0;
    this.#abandoned = 0;
    this.#latency.fill(0);
    this.#firstErrorAt = undefined;
    this.#lastErrorAt = undefined;
  }
}

const sameEndpoint = (a: Endpoint, b: Endpoint): boolean => a.port === b.port && a.host === b.host;
