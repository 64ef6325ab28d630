/**
 * Open-loop load for `fault-to-safe`: sends at fixed times until told to stop, then tells when the first and the last faulty answer came. A request that is
 * due while all connections are busy waits, and its lag counts; nothing is skipped and nothing sent twice.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const [port = 0, rate = 0, count = 0] = process.argv.slice(2).map(Number);
const requestText = 'GET /orders/1 HTTP/1.1\r\nhost: bench\r\naccept: application/json\r\n\r\n';
const now = (): number => performance.timeOrigin + performance.now();

const free: Socket[] = [];
const due: number[] = [];
const lags: number[] = [];
const seen = { sent: 0, answered: 0, faulty: 0, broken: 0 };
const bad: { first?: number; last?: number } = {};
const stop = new AbortController();

function send(socket: Socket, intended: number): void {
  lags.push(performance.now() - intended);
  seen.sent += 1;
  socket.write(requestText);
}

function onAnswer(socket: Socket, status: number): void {
  seen.answered += 1;
  if (status >= 500) {
    seen.faulty += 1;
    bad.first ??= now();
    bad.last = now();
  }
  const next = due.shift();
  if (next === undefined) free.push(socket);
  else send(socket, next);
}

async function open(): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  await once(socket, 'connect');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
    const end = text.indexOf('\r\n\r\n');
    if (end < 0) return;
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
    if (text.length < end + 4 + length) return;
    const status = Number(text.slice(9, 12));
    text = '';
    onAnswer(socket, status);
  });
  socket.on('error', () => (seen.broken += 1));
  return socket;
}

process.on('disconnect', () => process.exit(0));
process.on('message', () => stop.abort());
free.push(...(await Promise.all(Array.from({ length: count }, open))));
process.send?.('open');

let intended = performance.now();
while (!stop.signal.aborted) {
  for (; intended <= performance.now(); intended += 1_000 / rate) {
    const socket = free.pop();
    if (socket === undefined) due.push(intended);
    else send(socket, intended);
  }
  // A timer, not a busy loop: on two cores a spinning generator would take one from what it measures.
  await new Promise((resolve) => setTimeout(resolve, 1));
}
const until = performance.now() + 2_000;
while ((seen.answered < seen.sent || due.length > 0) && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 5));
const lagP99Ms = lags.toSorted((a, b) => a - b)[Math.floor(lags.length * 0.99)] ?? 0;
process.send?.({ ...seen, unanswered: seen.sent - seen.answered + due.length, firstBadAt: bad.first, lastBadAt: bad.last, lagP99Ms }, () =>
  process.exit(0),
);
