import { readFileSync } from 'node:fs';

/** A connection that can be ended to make room for another. */
export type Released = { readonly release: () => void };
type Waiting = { readonly socket: { readonly destroy: () => void } };

/** So many descriptors are never given to clients or instances: the control socket, the journal and its next version, logs, and a moment's mistakes. */
const reserved = 96;
/** More clients than this would exhaust the memory of the router before its descriptors. */
const mostClientsEver = 16_384;
/** Clients that wait with their sending side closed: nobody can tell them from those that have gone, so there may not be many. */
const mostHalfClosed = 256;
/** Over the limit a client still hears why, if it takes its answer at once; so many at a time. */
const mostTurnedAway = 16;
const usualLimit = 1_024;

/** What may become of a new client: `turned-away` gets a 503, `refused` only the end of its connection. */
export type Admission = 'served' | 'turned-away' | 'refused';

/**
 * The file descriptors of the router process, and who may use them. A crowd of clients takes its share and no more; what is left is for the way
 * back (I2): the control socket, the journal, and connections to instances.
 */
export class Descriptors {
  readonly mostClients: number;
  readonly mostUpstreams: number;
  #clients = 0;
  #turnedAway = 0;
  #upstreams = 0;
  /** In the order in which they came to rest. */
  readonly #resting = new Set<Released>();
  readonly #idleUpstreams = new Set<Released>();
  readonly #halfClosed = new Set<Waiting>();

  constructor(limit: number) {
    // One for the client and one for the instance that answers it.
    const half = Math.floor(Math.max(8, limit - Math.min(reserved, limit / 2)) / 2);
    this.mostClients = Math.min(mostClientsEver, half);
    this.mostUpstreams = this.mostClients;
  }

  get clients(): number {
    return this.#clients;
  }

  /** Takes a place for a new client; a resting one loses its own when there is none left. Give it back with `gone`. */
  admit(): Admission {
    // Its descriptor is free at once, whenever its end is counted.
    if (this.#clients < this.mostClients || releaseFirst(this.#resting)) {
      this.#clients += 1;
      return 'served';
    }
    if (this.#turnedAway >= mostTurnedAway) return 'refused';
    this.#turnedAway += 1;
    return 'turned-away';
  }

  gone(admission: Admission): void {
    if (admission === 'served') this.#clients -= 1;
    if (admission === 'turned-away') this.#turnedAway -= 1;
  }

  /** Takes a place for a connection to an instance; false when there is none. Give it back with `upstreamGone`. */
  dial(): boolean {
    if (this.#upstreams >= this.mostUpstreams && !releaseFirst(this.#idleUpstreams)) return false;
    this.#upstreams += 1;
    return true;
  }

  upstreamGone(): void {
    this.#upstreams -= 1;
  }

  upstreamIdle(connection: Released): void {
    this.#idleUpstreams.add(connection);
  }

  upstreamBusy(connection: Released): void {
    this.#idleUpstreams.delete(connection);
  }

  rests(client: Released): void {
    this.#resting.add(client);
  }

  busy(client: Released): void {
    this.#resting.delete(client);
  }

  halfClosed(client: Waiting): void {
    this.#halfClosed.add(client);
    if (this.#halfClosed.size <= Math.min(mostHalfClosed, this.mostClients / 4)) return;
    for (const oldest of this.#halfClosed) {
      this.#halfClosed.delete(oldest);
      oldest.socket.destroy();
      return;
    }
  }

  forget(client: Released & Waiting): void {
    this.#resting.delete(client);
    this.#halfClosed.delete(client);
  }
}

/** The one that has rested longest goes, at once. */
function releaseFirst(resting: Set<Released>): boolean {
  for (const oldest of resting) {
    resting.delete(oldest);
    oldest.release();
    return true;
  }
  return false;
}

/** How many files this process may have open. */
export function openFilesLimit(): number {
  try {
    const line = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return line === 'unlimited' ? 2 ** 31 : Number(line ?? usualLimit);
  } catch {
    return usualLimit;
  }
}
