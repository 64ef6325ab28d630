import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Answer, Command } from '../wire/index.ts';
import { EngineUnreachable } from './engine-link.ts';
import { PreTradeLimits } from './limits.ts';
import { Metrics } from './metrics.ts';
import { answerOrder, type Ask, type Told, type Trading } from './order-routes.ts';
import { readBody } from './request-body.ts';
import type { ApiSettings } from './settings.ts';

/** What an instance needs of its engine. */
export interface EnginePort {
  readonly state: 'starting' | 'up' | 'lost';
  /** Commands not yet answered. */
  readonly pending: number;
  ask(command: Command): Promise<Answer>;
}

type Work = 'open' | 'draining' | 'stopping';

/** One running api: its HTTP server, and what it says about itself. */
export class ApiInstance {
  readonly #settings: ApiSettings;
  readonly #engine: EnginePort;
  readonly #trading: Trading;
  readonly #metrics = new Metrics();
  readonly #server: Server;
  #work: Work = 'open';
  #inFlight = 0;

  constructor(settings: ApiSettings, engine: EnginePort) {
    this.#settings = settings;
    this.#engine = engine;
    this.#trading = { engine, limits: new PreTradeLimits(settings, () => performance.now()), metrics: this.#metrics };
    this.#server = createServer({ keepAliveTimeout: 75_000, noDelay: true }, (request, response) => void this.#serve(request, response));
  }

  async listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        const address = this.#server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : port);
      });
    });
  }

  /**
   * Asks the router to look elsewhere: health turns 503 and each connection closes after its next answer. Whoever still comes is
   * served, because a refused order is a failed request to its client, and an order that arrives is already somebody's risk.
   */
  drain(): void {
    if (this.#work === 'open') this.#work = 'draining';
  }

  /** Takes work again: a revert may need this instance back. */
  resume(): void {
    if (this.#work === 'draining') this.#work = 'open';
  }

  /**
   * What keeps a drained instance busy: `sessions` are trading requests under way (an idle connection holds nobody up), `openOrders`
   * the commands among them that the engine has not answered. Orders that rest live in the engine and outlast this instance.
   */
  health(): { readonly status: string; readonly draining: boolean; readonly sessions: number; readonly openOrders: number } {
    const draining = this.#work !== 'open';
    const status = draining ? 'draining' : this.#engine.state === 'up' ? 'ok' : `engine ${this.#engine.state}`;
    return { status, draining, sessions: this.#inFlight, openOrders: this.#engine.pending };
  }

  /** Stops listening and resolves when every request in flight was answered, or its client has had longer than any answer takes. */
  async close(): Promise<void> {
    this.#work = 'stopping';
    const patience = setTimeout(() => this.#server.closeAllConnections(), this.#settings.engineDeadlineMs + 1000);
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#hangUpWhenQuiet();
    });
    clearTimeout(patience);
  }

  /** A connection on which nothing was asked would otherwise hold up the exit until it times out. */
  #hangUpWhenQuiet(): void {
    if (this.#work === 'stopping' && this.#inFlight === 0) this.#server.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const started = performance.now();
    const { url, problem } = parseUrl(request);
    const own = request.method === 'GET' ? this.#ownPage(url.pathname) : undefined;
    const told = problem ?? own ?? (await this.#answerInFlight(request, response, url));
    if (told === undefined) {
      response.destroy(); // the client hung up before its request was complete
      return;
    }
    const text = typeof told.body === 'string' ? told.body : JSON.stringify(told.body);
    response.writeHead(told.status, {
      'content-type': typeof told.body === 'string' ? 'text/plain; version=0.0.4' : 'application/json',
      'content-length': Buffer.byteLength(text),
      'x-exchange-version': this.#settings.version,
      ...(this.#work !== 'open' ? { connection: 'close' } : {}),
    });
    response.end(text);
    this.#metrics.answered(told.status, (performance.now() - started) / 1000);
  }

  async #answerInFlight(request: IncomingMessage, response: ServerResponse, url: URL): Promise<Told | undefined> {
    this.#inFlight++;
    response.once('close', () => {
      this.#inFlight--;
      this.#hangUpWhenQuiet();
    });
    const body = await readBody(request);
    switch (body.kind) {
      case 'aborted':
        return undefined;
      case 'too-large':
        return { status: 413, body: { error: 'too-large', message: body.message } };
      case 'read':
        return this.#answerTrading({ method: request.method ?? 'GET', url, body: body.text });
    }
  }

  #ownPage(path: string): Page | undefined {
    switch (path) {
      case '/health': {
        const health = this.health();
        return { status: health.status === 'ok' ? 200 : 503, body: health };
      }
      case '/version': {
        const { service, version, digest } = this.#settings;
        return { status: 200, body: { service, version, digest } };
      }
      case '/metrics':
        return {
          status: 200,
          body: this.#metrics.render({ exchange_sessions: this.#inFlight, exchange_open_orders: this.#engine.pending }),
        };
      default:
        return undefined;
    }
  }

  async #answerTrading(ask: Ask): Promise<Told> {
    try {
      return (await answerOrder(ask, this.#trading)) ?? notFound(ask);
    } catch (error) {
      if (error instanceof EngineUnreachable) {
        const message = `${error.message}; whether it took the order is unknown: send the same clientOrderId again, it is never executed twice`;
        return { status: 503, body: { error: 'engine-unreachable', message } };
      }
      console.error(`api: ${ask.method} ${ask.url.pathname}: ${error instanceof Error ? error.message : String(error)}`);
      return { status: 500, body: { error: 'internal', message: 'the api failed on this request; its log says why' } };
    }
  }
}

type Page = { readonly status: number; readonly body: object | string };

function parseUrl(request: IncomingMessage): { readonly url: URL; readonly problem?: Told } {
  const url = URL.parse(request.url ?? '/', 'http://api');
  if (url !== null) return { url };
  return { url: new URL('http://api'), problem: { status: 400, body: { error: 'malformed', message: 'the request target is not a URL' } } };
}

const notFound = ({ method, url }: Ask): Told => ({
  status: 404,
  body: {
    error: 'no-route',
    message: `${method} ${url.pathname} is not served; see POST /orders, DELETE or GET /orders/:clientOrderId, GET /book`,
  },
});
