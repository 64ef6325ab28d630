import { createServer, type Server } from 'node:http';
import { listenOptions, type Address } from '../wire/index.ts';

/** Serves `GET /health` beside the command port, for supervisors that speak HTTP. */
export async function serveHealth(address: Address, report: () => object): Promise<Server> {
  const server = createServer((request, response) => {
    request.resume();
    const found = request.method === 'GET' && request.url === '/health';
    response.writeHead(found ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(found ? report() : { error: 'not-found', message: 'the engine serves GET /health here' }));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(listenOptions(address), () => resolve(server));
  });
}
