import type { Socket } from 'node:net';

/** Joins two connections, byte for byte, each direction with its own end; calls `ended` once when both are closed. */
export function tunnel(a: Socket, b: Socket, ended: () => void): void {
  let open = 2;
  const join = (from: Socket, to: Socket): void => {
    from.pipe(to);
    from.on('error', () => to.destroy());
    from.once('close', () => {
      open -= 1;
      if (open === 0) ended();
      // Closed before its end was read: nobody will speak on the other side any more.
      if (!from.readableEnded) to.destroy();
    });
  };
  // A side that is gone without a word (a pulled cable) is found by the system, not kept for ever.
  a.setKeepAlive(true, 30_000);
  b.setKeepAlive(true, 30_000);
  join(a, b);
  join(b, a);
}
