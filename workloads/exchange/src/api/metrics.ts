/** Upper bounds in seconds: fine where a healthy answer lies (tens of microseconds to a few milliseconds), coarse above. */
const BUCKETS = [
  0.00005, 0.0001, 0.00015, 0.0002, 0.0003, 0.0004, 0.0005, 0.00075, 0.001, 0.0015, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05,
  0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5,
];

/** Counts and latencies of this instance in the Prometheus text format. */
export class Metrics {
  readonly #requests = new Map<string, number>();
  readonly #breaches = new Map<string, number>();
  readonly #buckets = Array.from({ length: BUCKETS.length + 1 }, () => 0);
  #seconds = 0;
  #count = 0;

  answered(status: number, seconds: number): void {
    count(this.#requests, String(status));
    const found = BUCKETS.findIndex((bound) => seconds <= bound);
    const bucket = found === -1 ? BUCKETS.length : found;
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#seconds += seconds;
    this.#count++;
  }

  breached(code: string): void {
    count(this.#breaches, code);
  }

  /** The page that a scraper reads; gauges are passed in because others own them. */
  render(gauges: Readonly<Record<string, number>>): string {
    let below = 0;
    const buckets = this.#buckets.map((each, index) => {
      below += each;
      return `http_request_duration_seconds_bucket{le="${BUCKETS[index] ?? '+Inf'}"} ${below}`;
    });
    const lines = [
      '# TYPE http_requests_total counter',
      ...[...this.#requests].map(([status, total]) => `http_requests_total{status="${status}"} ${total}`),
      '# TYPE http_request_duration_seconds histogram',
      ...buckets,
      `http_request_duration_seconds_sum ${this.#seconds}`,
      `http_request_duration_seconds_count ${this.#count}`,
      '# TYPE exchange_limit_breaches_total counter',
      ...[...this.#breaches].map(([code, total]) => `exchange_limit_breaches_total{limit="${code}"} ${total}`),
      ...Object.entries(gauges).flatMap(([name, value]) => [`# TYPE ${name} gauge`, `${name} ${value}`]),
    ];
    return `${lines.join('\n')}\n`;
  }
}

function count(counter: Map<string, number>, key: string): void {
  counter.set(key, (counter.get(key) ?? 0) + 1);
}
