import { Agent, request } from 'node:http';
import type { Ask, OrderFlow } from './order-flow.ts';
import type { RequestLog } from './request-log.ts';
import { Tally, type Ending, type Summary } from './tally.ts';

export type LoadSettings = { readonly url: URL; readonly rate: number; readonly durationS: number };

const ANSWER_TIMEOUT_MS = 10_000; // longer than any deadline of the api: only a hung peer reaches it

/**
 * An open-loop load: request number n is due at n / rate, whatever became of the ones before. Latency counts from that instant, so a
 * stall shows in every request that was due during it, and no request is ever sent twice.
 */
export class OpenLoop {
  readonly #settings: LoadSettings;
  readonly #flow: OrderFlow;
  readonly #log: RequestLog;
  readonly #agent = new Agent({ keepAlive: true, scheduling: 'lifo' });
  readonly #total = new Tally();
  readonly #flights = new Set<Promise<void>>();
  #second = new Tally();
  #started = 0;
  #stopped = false;

  constructor(settings: LoadSettings, flow: OrderFlow, log: RequestLog) {
    this.#settings = settings;
    this.#flow = flow;
    this.#log = log;
  }

  /** Sends until the duration has passed or `stop` is called, then waits for every answer. */
  async run(): Promise<Summary> {
    const { rate, durationS } = this.#settings;
    this.#started = performance.now();
    const last = Math.floor(rate * durationS);
    for (let sent = 0; sent < last && !this.#stopped;) {
      const due = Math.min(last, Math.floor((this.#elapsedUs() * rate) / 1e6) + 1);
      for (; sent < due; sent++) this.#launch(this.#flow.next(), Math.round((sent * 1e6) / rate));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    while (this.#flights.size > 0) await Promise.all(this.#flights);
    this.#agent.destroy();
    return this.#total.summary();
  }

  stop(): void {
    this.#stopped = true;
  }

  /** What happened since the last call. */
  takeSecond(): Summary {
    const summary = this.#second.summary();
    this.#second = new Tally();
    return summary;
  }

  #launch(ask: Ask, intended: number): void {
    const flight = this.#send(ask, intended).finally(() => this.#flights.delete(flight));
    this.#flights.add(flight);
  }

  async #send(ask: Ask, intended: number): Promise<void> {
    const sent = this.#elapsedUs();
    this.#second.sent();
    this.#total.sent();
    const ending = await this.#exchange(ask);
    const finished = this.#elapsedUs();
    const acknowledged = ask.kind === 'new' && 'status' in ending && ending.status === 201;
    if (acknowledged) this.#flow.acknowledged(ask.clientOrderId);
    for (const tally of [this.#second, this.#total]) tally.ended(ending, finished - intended, acknowledged);
    const id = 'clientOrderId' in ask ? { clientOrderId: ask.clientOrderId } : {};
    this.#log.write({ at: Date.now(), intended, sent, finished, kind: ask.kind, ...id, ...ending });
  }

  async #exchange(ask: Ask): Promise<Ending> {
    return new Promise((resolve) => {
      const body = 'body' in ask ? ask.body : undefined;
      const { hostname, port } = this.#settings.url;
      const headers = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const failed = (error: NodeJS.ErrnoException): void => resolve({ error: error.code ?? error.message });
      const sending = request({ hostname, port, path: ask.path, method: ask.method, headers, agent: this.#agent }, (response) => {
        response.on('error', failed);
        response.on('end', () => {
          const version = response.headers['x-exchange-version'];
          resolve({ status: response.statusCode ?? 0, version: typeof version === 'string' ? version : 'none' });
        });
        response.resume();
      });
      sending.setTimeout(ANSWER_TIMEOUT_MS, () => sending.destroy(Object.assign(new Error('no answer'), { code: 'TIMEOUT' })));
      sending.on('error', failed);
      sending.end(body);
    });
  }

  #elapsedUs(): number {
    return Math.round((performance.now() - this.#started) * 1000);
  }
}
