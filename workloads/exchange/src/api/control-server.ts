import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { listenOptions, type Address } from '../wire/index.ts';

/** What the control endpoint may do to an instance. */
export interface Controlled {
  drain(): void;
  resume(): void;
  health(): object;
}

/** Serves POST /drain (and DELETE /drain, which takes it back) away from the public port, to holders of the token only. */
export async function serveControl(address: Address, token: string, instance: Controlled): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume();
    const { status, body } = answer(request.method, request.url, request.headers.authorization);
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  });
  const answer = (
    method: string | undefined,
    url: string | undefined,
    authorization: string | undefined,
  ): { status: number; body: object } => {
    if (!sameSecret(authorization ?? '', `Bearer ${token}`)) {
      return { status: 401, body: { error: 'unauthorized', message: 'send authorization: Bearer with the token of SLUICE_CONTROL_TOKEN' } };
    }
    if (method === 'GET' && url === '/health') return { status: 200, body: instance.health() };
    if (url !== '/drain' || (method !== 'POST' && method !== 'DELETE')) {
      return { status: 404, body: { error: 'no-route', message: 'this port serves GET /health, POST /drain and DELETE /drain' } };
    }
    if (method === 'POST') instance.drain();
    else instance.resume();
    return { status: 200, body: instance.health() };
  };
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(listenOptions(address), () => resolve(server));
  });
}

/** Compares digests, so that neither content nor length of the token shows in the time it takes. */
function sameSecret(given: string, expected: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
