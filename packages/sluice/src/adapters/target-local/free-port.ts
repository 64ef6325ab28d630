import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the range from which the system takes the ports of outgoing connections: one of those could hold ours when the instance wants it. */
const lowest = 20_000;
const highest = 32_000;

/** Given out a moment ago, perhaps not bound yet. */
const recent: number[] = [];

/** A TCP port on which nobody listens now. */
export async function findFreePort(host: string): Promise<number> {
  for (let attempt = 0; attempt < 500; attempt += 1) {
    const port = randomInt(lowest, highest);
    if (recent.includes(port) || !(await canListen(host, port))) continue;
    recent.push(port);
    if (recent.length > 256) recent.shift();
    return port;
  }
  throw new Error(`no free port between ${lowest} and ${highest} on ${host}`);
}

async function canListen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
