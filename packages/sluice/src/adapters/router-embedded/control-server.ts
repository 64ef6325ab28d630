import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { ProcessIdentity } from '#host';
import type { Router, RouterEndpoints, ServiceKey } from '#rollout';
import { controlOrders, InvalidOrder, isControlOrder, record } from './control-orders.ts';

const longestOrder = 256 * 1024;
/** Whoever gives orders gives them at once. Slow ones must not hold the connections that a revert needs. */
const patience = { headersTimeout: 5_000, requestTimeout: 5_000, connectionsCheckingInterval: 1_000, keepAliveTimeout: 5_000 } as const;
/** Fewer than the descriptors that are kept for this and nothing else. */
const mostConnections = 48;

/** What the control socket serves: the commands, who answers, and which services there are. */
export type Controlled = {
  readonly router: Router & RouterEndpoints;
  readonly identity: ProcessIdentity;
  readonly services: () => readonly ServiceKey[];
};

/** Opens the control socket. Only the owner of the state folder may connect; the caller holds the lock of the folder, so an old socket is stale. */
export function openControl(path: string, controlled: Controlled): Promise<Server> {
  const server = createServer(patience, (req, res) => void answer(req, res, controlled));
  server.maxConnections = mostConnections;
  rmSync(path, { force: true });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // The mask is for the moment between the socket's birth and its mode.
    const mask = process.umask(0o177);
    server.listen(path, () => {
      chmodSync(path, 0o600);
      resolve(server);
    });
    process.umask(mask);
  });
}

async function answer(req: IncomingMessage, res: ServerResponse, { router, identity, services }: Controlled): Promise<void> {
  const name = (req.url ?? '').replace(/^\/v1\//, '');
  // A caller that leaves before it has its answer is nobody's fault.
  res.on('error', () => {});
  if (name === 'identity') return send(res, 200, identity);
  if (name === 'services') return send(res, 200, services());
  if (req.method !== 'POST' || !isControlOrder(name)) return send(res, 404, { message: `no command ${req.method} ${req.url}` });
  try {
    const fields = record(JSON.parse(await bodyOf(req)), 'order');
    send(res, 200, await controlOrders[name](router, fields));
  } catch (error) {
    const known = error instanceof InvalidOrder || error instanceof SyntaxError;
    send(res, known ? 400 : 500, { message: error instanceof Error ? error.message : String(error) });
  }
}

async function bodyOf(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > longestOrder) throw new InvalidOrder(`order: longer than ${longestOrder} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(res: ServerResponse, status: number, value: unknown): void {
  if (res.destroyed) return;
  const body = JSON.stringify(value);
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  res.end(body);
}
