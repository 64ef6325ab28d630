import { rmSync } from 'node:fs';
import type { ListenOptions } from 'node:net';

/** Where something listens: a TCP port, or a Unix socket by its absolute path. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

/** Reads `host:port`, `[::1]:port` or an absolute path; undefined when it is neither. */
export function parseAddress(text: string): Address | undefined {
  if (text.startsWith('/')) return { path: text };
  const match = /^(?:\[(?<v6>[0-9a-fA-F:]+)\]|(?<name>[^:[\]]+)):(?<port>\d{1,5})$/.exec(text);
  const host = match?.groups?.['v6'] ?? match?.groups?.['name'];
  const port = Number(match?.groups?.['port']);
  return host !== undefined && port <= 65_535 ? { host, port } : undefined;
}

/** Options for `server.listen`; a socket file left behind by a killed process is removed, as it would refuse the address for ever. */
export function listenOptions(address: Address): ListenOptions {
  if ('path' in address) rmSync(address.path, { force: true });
  return { ...address };
}

/** The address as people write it. */
export function formatAddress(address: Address): string {
  if ('path' in address) return address.path;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
