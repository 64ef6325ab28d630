import { createServer as createHttpServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { answerSelf, microsecondsSince, ProxiedRequest } from './proxied-request.ts';
import { requestHead } from './request-head.ts';
import type { ServiceTraffic } from './service-traffic.ts';
import type { SlotTraffic } from './slot-traffic.ts';
import { tunnel } from './tunnel.ts';
import type { Upstream } from './upstream.ts';
import { UpgradeRequest } from './upgrade-request.ts';

const nothingLive = { status: 503, code: 'nothing-live', message: 'no version of this service is live' } as const;

/** A server for HTTP: each request, and each upgraded connection, goes to the slot whose turn it is. */
export function requestServer(traffic: ServiceTraffic): HttpServer {
  const handle = (req: IncomingMessage, res: ServerResponse): void => {
    const startedAt = performance.now();
    const head = requestHead(req, { upgrade: false });
    if (head.kind === 'refused') {
      res.setHeader('connection', 'close');
      return answerSelf(res, { status: head.status, code: 'refused', message: head.why });
    }
    const slot = traffic.next();
    if (slot === undefined) return answerSelf(res, nothingLive);
    new ProxiedRequest(traffic, slot, { req, res, head: head.text, body: head.body, startedAt }).start();
  };
  const server = createHttpServer({
    // A client sends its head at once or not at all; bodies may take as long as they make progress (see proxied-request.ts).
    headersTimeout: 15_000,
    requestTimeout: 0,
    connectionsCheckingInterval: 5_000,
    // Longer than the pools of common clients keep their side, so that they close first and no request meets a closing connection.
    keepAliveTimeout: 75_000,
    maxHeaderSize: 32 * 1024,
    insecureHTTPParser: false,
    noDelay: true,
    // An upgrade to HTTP/2 in clear text may be ignored, and is: the request is answered as it stands.
    shouldUpgradeCallback: (req) => req.headers.upgrade?.toLowerCase() !== 'h2c',
  });
  server.on('request', handle);
  server.on('checkContinue', handle);
  server.on('upgrade', (req: IncomingMessage, socket: Socket, first: Buffer) =>
    new UpgradeRequest(traffic, { req, socket, first }).start(),
  );
  return server;
}

/** A server for raw TCP: each connection goes to the slot whose turn it is, and stays there. */
export function connectionServer(traffic: ServiceTraffic): Server {
  return createTcpServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (client) => {
    const slot = traffic.next();
    client.on('error', () => client.destroy());
    if (slot === undefined) client.resetAndDestroy();
    else openTunnel(client, traffic, { slot: traffic.slots[slot], other: otherSlot(traffic, slot), startedAt: performance.now() });
  });
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
    const upstream = slot.pick(tried);
    if (upstream === undefined) {
      slot.inFlight -= 1;
      slot.ended(microsecondsSince(startedAt), true);
      if (other === undefined) client.resetAndDestroy();
      else openTunnel(client, traffic, { slot: other, other: undefined, startedAt: performance.now() });
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
      tunnel(client, socket, () => {
        slot.sessions -= 1;
        upstream.inFlight -= 1;
        slot.ended(acceptedAfter, false);
      });
      client.resume();
    });
  };
  attempt();
}
