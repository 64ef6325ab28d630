import type { Socket } from 'node:net';
import { TunnelWatch, type TunnelEnd } from './tunnel-end.ts';

/** Two connections to join, and what was read of either before. */
export type Joined = {
  readonly client: Socket;
  readonly instance: Socket;
  readonly early?: Buffer | undefined;
  readonly rest?: Buffer | undefined;
  /** `sniff`: raw TCP, which may begin with the handshake of a WebSocket. */
  readonly speaks: 'websocket' | 'sniff' | 'unknown';
};

/** Joins two connections, byte for byte, each direction with its own end; calls `ended` once when both are closed, with how it came to that. */
export function tunnel({ client, instance, early, rest, speaks }: Joined, ended: (end: TunnelEnd) => void): void {
  const watch = new TunnelWatch(speaks);
  let open = 2;
  const join = (from: Socket, to: Socket, side: 'client' | 'instance'): void => {
    from.on('data', (chunk: Buffer) => watch.read(side, chunk));
    if (from.readableEnded) {
      watch.ended(side);
      to.end();
    } else from.pipe(to);
    from.once('end', () => watch.ended(side));
    from.on('error', () => {
      watch.broke(side);
      to.destroy();
    });
    from.once('close', () => {
      open -= 1;
      // Closed before its end was read: nobody will speak on the other side any more.
      if (!from.readableEnded) to.destroy();
      if (open === 0) ended(watch.end);
    });
  };
  const firstBytes = (bytes: Buffer | undefined, side: 'client' | 'instance', to: Socket): void => {
    if (bytes === undefined || bytes.length === 0) return;
    watch.read(side, bytes);
    to.write(bytes);
  };
  firstBytes(rest, 'instance', client);
  firstBytes(early, 'client', instance);
  // A side that is gone without a word (a pulled cable) is found by the system, not kept for ever.
  client.setKeepAlive(true, 30_000);
  instance.setKeepAlive(true, 30_000);
  join(client, instance, 'client');
  join(instance, client, 'instance');
  // What took place before is told by nobody: a side may be gone already.
  if (client.destroyed) instance.destroy();
  client.resume();
  instance.resume();
}
