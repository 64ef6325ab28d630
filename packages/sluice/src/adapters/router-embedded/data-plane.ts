import { createHash } from 'node:crypto';
import type { Endpoint, Routing, RoutingTable, ServiceKey, Slot, SlotCounters } from '#rollout';
import { connectionListener, type Listener, requestListener } from './listener.ts';
import { ServiceTraffic } from './service-traffic.ts';
import type { TrafficSources } from './slot-traffic.ts';

type Open = { readonly traffic: ServiceTraffic; listener: Listener | undefined; listen: Endpoint; kind: Routing['traffic'] };

/** What the traffic takes from outside, and where is said what an operator should know. */
export type PlaneSources = TrafficSources & { readonly random: () => number; readonly say: (line: string) => void };

/**
 * Where ports are looked for when none is wanted: below the range from which systems take the ports of outgoing connections. A port
 * from that range could be taken by any client while the router is being started again.
 */
const firstFreePort = 18_000;
const freePorts = 12_000;
/** How often a port that somebody else holds is tried again: often, since the last threads of a router killed a moment ago may still hold it. */
const rebindEveryMs = 20;

/** The listeners of all services and the traffic behind them. */
export class DataPlane {
  readonly host: string;
  readonly #open = new Map<ServiceKey, Open>();
  readonly #more: PlaneSources;
  #closed = false;

  constructor(host: string, more: PlaneSources) {
    this.host = host;
    this.#more = more;
  }

  /** Opens the listeners of a table read from disk. A port held by somebody else is said, and tried until it is free. */
  async restore(table: RoutingTable): Promise<void> {
    await Promise.all(
      [...table.services.values()].map(async (routing) => {
        const traffic = new ServiceTraffic(routing, this.#more);
        const open: Open = { traffic, listener: undefined, listen: routing.listen, kind: routing.traffic };
        this.#open.set(routing.service, open);
        open.listener = await listening(this.#make(routing.traffic, traffic), routing.listen);
        if (open.listener === undefined) this.#rebind(routing, open);
      }),
    );
  }

  /** Opens a listener for a service, on the wanted port, on the one it has, or on a free one. Undefined when the wanted port is in use. */
  async declare(service: ServiceKey, how: { readonly traffic: Routing['traffic']; readonly port?: number }): Promise<Endpoint | undefined> {
    const known = this.#open.get(service);
    if (
      known !== undefined &&
      known.listener !== undefined &&
      known.kind === how.traffic &&
      known.listen.host === this.host &&
      (how.port === undefined || how.port === known.listen.port)
    ) {
      return known.listen;
    }
    const traffic = known?.traffic ?? new ServiceTraffic(emptyRouting(service, how.traffic, this.host), this.#more);
    const port = how.port ?? known?.listen.port;
    if (known?.listen.port === port) known?.listener?.close();
    const opened = await this.#listenOn(service, port, () => this.#make(how.traffic, traffic));
    if (opened === undefined) return undefined;
    known?.listener?.close();
    const open: Open = { traffic, ...opened, kind: how.traffic };
    this.#open.set(service, open);
    return open.listen;
  }

  /** Follows a table: weights and endpoints of every service. */
  follow(table: RoutingTable): void {
    for (const routing of table.services.values()) this.#open.get(routing.service)?.traffic.follow(routing);
  }

  countersOf(service: ServiceKey): Readonly<Record<Slot, SlotCounters>> | undefined {
    return this.#open.get(service)?.traffic.counters;
  }

  close(): void {
    this.#closed = true;
    for (const { listener, traffic } of this.#open.values()) {
      listener?.close();
      traffic.close();
    }
  }

  async #listenOn(
    service: ServiceKey,
    port: number | undefined,
    make: () => Listener,
  ): Promise<{ readonly listener: Listener; readonly listen: Endpoint } | undefined> {
    if (port !== undefined) {
      const listener = await listening(make(), { host: this.host, port });
      return listener === undefined ? undefined : { listener, listen: { host: this.host, port } };
    }
    const start = createHash('sha256').update(`${process.pid} ${service}`).digest().readUInt32BE();
    for (let offset = 0; offset < freePorts; offset += 1) {
      const free = { host: this.host, port: firstFreePort + ((start + offset) % freePorts) };
      const listener = await listening(make(), free);
      if (listener !== undefined) return { listener, listen: free };
    }
    return undefined;
  }

  #make(kind: Routing['traffic'], traffic: ServiceTraffic): Listener {
    return kind === 'request' ? requestListener(traffic, this.#more) : connectionListener(traffic, this.#more);
  }

  #rebind(routing: Routing, open: Open): void {
    this.#more.say(`port ${routing.listen.port} of ${routing.service} is in use by another process; trying until it is free`);
    const again = async (): Promise<void> => {
      if (this.#closed || open.listener !== undefined || this.#open.get(routing.service) !== open) return;
      open.listener = await listening(this.#make(open.kind, open.traffic), open.listen);
      if (open.listener === undefined) setTimeout(() => void again(), rebindEveryMs);
      else this.#more.say(`port ${routing.listen.port} of ${routing.service} is open`);
    };
    setTimeout(() => void again(), rebindEveryMs);
  }
}

/** The listener, open; undefined when the port is in use. */
function listening(listener: Listener, at: Endpoint): Promise<Listener | undefined> {
  const { server } = listener;
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      listener.close();
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined);
      else reject(error);
    });
    server.listen({ host: at.host, port: at.port, backlog: 1024 }, () => {
      server.removeAllListeners('error');
      // Out of file descriptors, for instance: the listener lives, the next connection may succeed.
      server.on('error', () => {});
      resolve(listener);
    });
  });
}

function emptyRouting(service: ServiceKey, traffic: Routing['traffic'], host: string): Routing {
  const slot = { key: '', endpoints: [] };
  const none = { blue: 0, green: 0 } as Routing['weights'];
  return { service, traffic, listen: { host, port: 0 }, epoch: 0, weights: none, slots: { blue: slot, green: slot } };
}
