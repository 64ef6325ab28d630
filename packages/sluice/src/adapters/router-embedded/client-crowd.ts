import type { Socket } from 'node:net';
import { keptSeconds } from './answer-for-client.ts';
import { ClientConnection, type ClientLimits, type ClientRequest, type Crowd } from './client-connection.ts';
import type { Descriptors } from './descriptors.ts';
import type { RequestHead } from './request-reader.ts';

/** What clients are given in production. */
export const usualLimits: ClientLimits = {
  headMs: 15_000,
  idleMs: keptSeconds * 1_000,
  stalledMs: 60_000,
  lingerMs: 2_000,
  silentMs: 1_000,
};

/** How often is looked who owes something for too long. */
const sweepMs = 250;

/** All clients of one HTTP listener. */
export class ClientCrowd implements Crowd {
  readonly limits: ClientLimits;
  readonly request: (head: RequestHead, client: ClientConnection) => ClientRequest;
  readonly #descriptors: Descriptors | undefined;
  readonly #now: () => number;
  readonly #connections = new Set<ClientConnection>();
  readonly #sweeper: NodeJS.Timeout;
  #closing = false;
  #second = 0;
  #date = '';

  constructor(
    request: (head: RequestHead, client: ClientConnection) => ClientRequest,
    more: {
      /** Absent for clients that hold none of its places. */
      readonly descriptors: Descriptors | undefined;
      readonly now: () => number;
      readonly limits: ClientLimits;
    },
  ) {
    this.request = request;
    this.limits = more.limits;
    this.#descriptors = more.descriptors;
    this.#now = more.now;
    this.#sweeper = setInterval(
      () => {
        const now = performance.now();
        for (const connection of this.#connections) connection.check(now);
      },
      Math.min(sweepMs, more.limits.silentMs),
    ).unref();
  }

  get closing(): boolean {
    return this.#closing;
  }

  /** The time as answers carry it, made once a second. */
  readonly date = (): string => {
    const second = Math.floor(this.#now() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#date = new Date(second * 1_000).toUTCString();
    }
    return this.#date;
  };

  add(socket: Socket): void {
    const connection = new ClientConnection(socket, this);
    this.#connections.add(connection);
    this.#descriptors?.rests(connection);
  }

  rests(connection: ClientConnection): void {
    if (this.#closing) connection.release();
    else this.#descriptors?.rests(connection);
  }

  busy(connection: ClientConnection): void {
    this.#descriptors?.busy(connection);
  }

  halfClosed(connection: ClientConnection): void {
    this.#descriptors?.halfClosed(connection);
  }

  left(connection: ClientConnection): void {
    this.#connections.delete(connection);
    this.#descriptors?.forget(connection);
  }

  /** Connections that rest end now, the others with the answer they wait for. */
  close(): void {
    this.#closing = true;
    for (const connection of this.#connections) if (connection.idle) connection.release();
    if (this.#connections.size === 0) clearInterval(this.#sweeper);
  }
}
