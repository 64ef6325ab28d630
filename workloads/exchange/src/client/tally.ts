/** How one request ended: an HTTP status with the version that answered, or a transport error. */
export type Ending = { readonly status: number; readonly version: string } | { readonly error: string };

/** A faulty answer: the service failed. A refusal (4xx) is the service at work. */
const isFaulty = (status: number): boolean => status >= 500;

type Counts = { sent: number; ok: number; faulty: number; transportFailures: number; acknowledged: number; readonly latencies: number[] };
type ByVersion = Readonly<Record<string, { readonly ok: number; readonly faulty: number; readonly p50us: number; readonly p99us: number }>>;

/** Counts and latencies of one span of time, as printed. */
export type Summary = {
  readonly sent: number;
  readonly ok: number;
  readonly faulty: number;
  readonly transportFailures: number;
  readonly acknowledged: number;
  readonly p50us: number;
  readonly p99us: number;
  readonly byVersion: ByVersion;
};

/** Adds up what happened in one span of time. */
export class Tally {
  readonly #all = empty();
  readonly #versions = new Map<string, Counts>();

  sent(): void {
    this.#all.sent++;
  }

  /** `acknowledged`: a new order was answered 201. */
  ended(ending: Ending, latencyUs: number, acknowledged: boolean): void {
    const counts = 'error' in ending ? [this.#all] : [this.#all, this.#version(ending.version)];
    for (const each of counts) {
      if ('error' in ending) each.transportFailures++;
      else if (isFaulty(ending.status)) each.faulty++;
      else each.ok++;
      if (acknowledged) each.acknowledged++;
      each.latencies.push(latencyUs);
    }
  }

  summary(): Summary {
    const { latencies, ...all } = this.#all;
    const versions = [...this.#versions].map(
      ([version, { ok, faulty, latencies }]) => [version, { ok, faulty, ...quantiles(latencies) }] as const,
    );
    return { ...all, ...quantiles(latencies), byVersion: Object.fromEntries(versions) };
  }

  #version(version: string): Counts {
    const known = this.#versions.get(version) ?? empty();
    this.#versions.set(version, known);
    return known;
  }
}

const empty = (): Counts => ({ sent: 0, ok: 0, faulty: 0, transportFailures: 0, acknowledged: 0, latencies: [] });

function quantiles(latencies: readonly number[]): { readonly p50us: number; readonly p99us: number } {
  const sorted = Float64Array.from(latencies).toSorted();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { p50us: at(0.5), p99us: at(0.99) };
}
