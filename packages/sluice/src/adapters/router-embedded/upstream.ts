import { connect, type Socket } from 'node:net';
import type { Endpoint } from '#rollout';
import type { Descriptors } from './descriptors.ts';
import { UpstreamConnection } from './upstream-connection.ts';

/** How long an instance that refused a connection is the last choice. */
const restMs = 250;
/** How long a connection may take to open: instances are near, and a client waits. */
const connectWithinMs = 2_000;
/** How long an idle connection is kept: shorter than the 5 s after which a Node service closes it, so that we do not send into a closing one. */
const idleMs = 4_000;
/** How much earlier than a service announces (`keep-alive: timeout=`) we stop using an idle connection. */
const marginMs = 1_000;
const longestIdleMs = 60_000;

/** One instance as the router sees it: its pool of idle connections and its load. */
export class Upstream {
  readonly endpoint: Endpoint;
  readonly #descriptors: Descriptors;
  inFlight = 0;
  #idle: UpstreamConnection[] = [];
  #restUntil = 0;
  #closed = false;

  constructor(endpoint: Endpoint, descriptors: Descriptors) {
    this.endpoint = endpoint;
    this.#descriptors = descriptors;
  }

  /** True for a moment after a connection was refused. */
  get resting(): boolean {
    return this.#restUntil > performance.now();
  }

  /** An open idle connection; the one used last, so that those not needed grow old and are closed. */
  takeIdle(): UpstreamConnection | undefined {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined) return undefined;
      this.#descriptors.upstreamBusy(connection);
      if (connection.usable && connection.idleUntil > performance.now()) return connection;
      connection.destroy();
    }
  }

  /** Opens a connection for HTTP. `done` is called once, without a connection when it was refused. */
  connect(done: (connection: UpstreamConnection | undefined, why: string) => void): void {
    this.dial((socket, why) => done(socket === undefined ? undefined : new UpstreamConnection(socket), why));
  }

  /** Opens a raw connection. `done` is called once, without a socket when it was refused. */
  dial(done: (socket: Socket | undefined, why: string) => void): void {
    if (!this.#descriptors.dial()) {
      // Not the instance's fault, so it need not rest; later, like any other refusal.
      process.nextTick(done, undefined, 'no connection is left for it');
      return;
    }
    const socket = connect({ host: this.endpoint.host, port: this.endpoint.port, noDelay: true, allowHalfOpen: true });
    socket.once('close', () => this.#descriptors.upstreamGone());
    let settled = false;
    const fail = (why: string): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      this.#restUntil = performance.now() + restMs;
      socket.destroy();
      done(undefined, why);
    };
    const timer = setTimeout(() => fail(`no connection within ${connectWithinMs} ms`), connectWithinMs);
    socket.once('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    socket.once('connect', () => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      this.#restUntil = 0;
      socket.removeAllListeners('error');
      done(socket, '');
    });
  }

  /** Keeps a connection whose exchange has ended cleanly for the next one. */
  keep(connection: UpstreamConnection): void {
    const hint = connection.keepAliveHintMs;
    const keptMs = hint === undefined ? idleMs : Math.min(hint - marginMs, longestIdleMs);
    if (this.#closed || keptMs <= 0) {
      connection.destroy();
      return;
    }
    connection.idleUntil = performance.now() + keptMs;
    connection.onIdleClose = () => {
      this.#descriptors.upstreamBusy(connection);
      const at = this.#idle.indexOf(connection);
      if (at >= 0) this.#idle.splice(at, 1);
    };
    this.#idle.push(connection);
    this.#descriptors.upstreamIdle(connection);
    this.#closeOld();
  }

  /** No more connections are kept, idle ones close; running exchanges end in peace. */
  close(): void {
    this.#closed = true;
    for (const connection of this.#idle.splice(0)) this.#end(connection);
  }

  /** The oldest idle connections are in front: looking at those is enough. */
  #closeOld(): void {
    const oldest = this.#idle[0];
    if (oldest === undefined || oldest.idleUntil > performance.now()) return;
    this.#idle.shift();
    this.#end(oldest);
  }

  #end(connection: UpstreamConnection): void {
    this.#descriptors.upstreamBusy(connection);
    connection.destroy();
  }
}
