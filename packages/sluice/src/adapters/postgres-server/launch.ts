import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { identifyProcess, type ProcessIdentity } from '#host';
import type { Cluster } from './cluster.ts';
import { socketPort, type Layout } from './layout.ts';

/** Where the server listens: a Unix socket in its private folder, or a port of the loopback interface with a password. */
export type Listen = { readonly kind: 'socket' } | { readonly kind: 'loopback'; readonly port?: number };

/** A server process that was started, and where its part of the log begins. */
export type Launched = { readonly identity: ProcessIdentity; readonly logFrom: number };

/** What trades safety against a power cut for speed: right for a database that goes with its job. */
const throwAwaySettings = ['fsync=off', 'full_page_writes=off', 'synchronous_commit=off', 'shared_buffers=16MB'];

/** Starts the server detached, in its own session: it outlives this process. Undefined when it ended at once. */
export async function launchServer(
  { binaries, as, env }: Cluster,
  layout: Layout,
  { listen, sync }: { readonly listen: Listen; readonly sync: boolean },
): Promise<Launched | undefined> {
  const settings = [...(sync ? [] : throwAwaySettings), ...(await listenSettings(listen, layout))].flatMap((setting) => ['-c', setting]);
  const [command = '', ...args] = [...as.prefix, binaries.postgres, '-D', layout.pgdata, ...settings];
  const logFrom = (await stat(layout.logFile).catch(() => undefined))?.size ?? 0;
  const log = openSync(layout.logFile, 'a', 0o600);
  try {
    const child = spawn(command, args, { cwd: '/', env, detached: true, stdio: ['ignore', log, log], ...as.user });
    const pid = await new Promise<number | undefined>((resolve) => {
      child.once('spawn', () => resolve(child.pid));
      child.once('error', () => resolve(undefined));
    });
    child.unref();
    const identity = pid === undefined ? undefined : identifyProcess(pid);
    return identity && { identity, logFrom };
  } finally {
    closeSync(log);
  }
}

/** What a server wrote since it was started. */
export async function logSince(layout: Layout, from: number): Promise<string> {
  await using file = await open(layout.logFile, 'r');
  const { bytesRead, buffer } = await file.read(Buffer.alloc(20_000), 0, 20_000, from);
  return buffer.subarray(0, bytesRead).toString();
}

async function listenSettings(listen: Listen, layout: Layout): Promise<readonly string[]> {
  if (listen.kind === 'loopback') {
    return ['listen_addresses=127.0.0.1', 'unix_socket_directories=', `port=${listen.port ?? (await freePort())}`];
  }
  // A quoted name may hold commas and spaces.
  return ['listen_addresses=', `port=${socketPort}`, `unix_socket_directories="${layout.socketFolder.replaceAll('"', '""')}"`];
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port on 127.0.0.1');
  return address.port;
}
