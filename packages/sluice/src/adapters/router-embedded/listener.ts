import { createServer, type Server, type Socket } from 'node:net';
import { ClientCrowd, usualLimits } from './client-crowd.ts';
import type { ClientConnection, ClientLimits, ClientRequest } from './client-connection.ts';
import type { Descriptors } from './descriptors.ts';
import { microsecondsSince, ProxiedRequest } from './proxied-request.ts';
import type { ServiceTraffic } from './service-traffic.ts';
import type { SlotTraffic } from './slot-traffic.ts';
import { tunnel } from './tunnel.ts';
import type { Upstream } from './upstream.ts';

/** A public port of a service: its server, and how it takes no more clients and lets those that rest go. */
export type Listener = { readonly server: Server; readonly close: () => void };

/** What every listener of a router shares. */
export type Shared = { readonly descriptors: Descriptors; readonly now: () => number };

/** A listener for HTTP: each request, and each upgraded connection, goes to the slot whose turn it is. */
export function requestListener(traffic: ServiceTraffic, shared: Shared, limits: ClientLimits = usualLimits): Listener {
  const { descriptors } = shared;
  const crowd = new ClientCrowd((head, client) => new ProxiedRequest(traffic, client, head), { ...shared, limits });
  const full = new ClientCrowd((_, client) => turnedAway(client), {
    descriptors: undefined,
    now: shared.now,
    limits: { ...limits, headMs: limits.lingerMs },
  });
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const admission = descriptors.admit();
    socket.once('close', () => descriptors.gone(admission));
    if (admission === 'served') crowd.add(socket);
    else if (admission === 'turned-away') full.add(socket);
    else socket.resetAndDestroy();
  });
  return {
    server,
    close: () => {
      server.close();
      crowd.close();
      full.close();
    },
  };
}

/** A listener for raw TCP: each connection goes to the slot whose turn it is, and stays there. */
export function connectionListener(traffic: ServiceTraffic, { descriptors }: Shared): Listener {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (client) => {
    const admission = descriptors.admit();
    client.once('close', () => descriptors.gone(admission));
    client.on('error', () => client.destroy());
    const slot = admission === 'served' ? traffic.turn() : undefined;
    // Without a word TCP has only this one.
    if (slot === undefined) client.resetAndDestroy();
    else openTunnel(client, traffic, { slot: traffic.slots[slot], other: otherSlot(traffic, slot), startedAt: performance.now() });
  });
  return { server, close: () => server.close() };
}

/** What a request gets while every place for a client is taken. */
function turnedAway(client: ClientConnection): ClientRequest {
  const answer = { status: 503, code: 'too-many-clients', message: 'the router has no room for another client' } as const;
  const nothing = (): void => {};
  return {
    start: () => client.answerSelf(answer, { close: true }),
    takesBody: false,
    onBody: nothing,
    onBodyEnd: nothing,
    onClientDrain: nothing,
    onAnswered: nothing,
    onClientSilent: nothing,
    onClientLeft: nothing,
  };
}

function otherSlot(traffic: ServiceTraffic, slot: 'blue' | 'green'): SlotTraffic | undefined {
  const other = traffic.standIn(slot);
  return other === undefined ? undefined : traffic.slots[other];
}

function openTunnel(
  client: Socket,
  traffic: ServiceTraffic,
  at: { readonly slot: SlotTraffic; readonly other: SlotTraffic | undefined; readonly startedAt: number },
): void {
  const { slot, other, startedAt } = at;
  const tried: Upstream[] = [];
  slot.inFlight += 1;
  const attempt = (): void => {
    const upstream = slot.pick(tried, { resting: other === undefined });
    if (upstream === undefined) {
      if (other === undefined) {
        slot.inFlight -= 1;
        slot.ended(microsecondsSince(startedAt), true);
        client.resetAndDestroy();
        return;
      }
      slot.fellBack(microsecondsSince(startedAt), { counted: false });
      openTunnel(client, traffic, { slot: other, other: undefined, startedAt: performance.now() });
      return;
    }
    upstream.dial((socket) => {
      if (socket === undefined) {
        tried.push(upstream);
        attempt();
        return;
      }
      const acceptedAfter = microsecondsSince(startedAt);
      slot.inFlight -= 1;
      slot.sessions += 1;
      upstream.inFlight += 1;
      tunnel({ client, instance: socket, speaks: 'sniff' }, (end) => {
        slot.sessions -= 1;
        upstream.inFlight -= 1;
        slot.tunnelEnded(acceptedAfter, end);
      });
    });
  };
  attempt();
}
