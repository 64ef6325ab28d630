/** Book operations per second in one process: the flow of a busy instrument, most orders cancelled, spread of a few ticks. */
import { OrderBook } from '../src/book/index.ts';

const OPERATIONS = 5_000_000;
const RESTING = 1000; // about as many resting orders as the published anchors use

let traded = 0;
const book = new OrderBook({ traded: () => void traded++, rested: () => {}, cancelled: () => {} });
let state = 0x9e3779b9;
function random(below: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}

const live = new Int32Array(RESTING);
let mid = 500_000;
function operation(): void {
  const slot = random(RESTING);
  const dice = random(100);
  if (dice < 3) {
    book.place(random(2) === 0 ? 'buy' : 'sell', 'ioc', mid, 1 + random(10));
    return;
  }
  if (live[slot] !== 0 && dice < 55) {
    book.cancel(live[slot] as number);
    live[slot] = 0;
    return;
  }
  if (dice === 99) mid += random(3) - 1;
  const side = random(2) === 0 ? 'buy' : 'sell';
  const away = 1 + random(40);
  live[slot] = book.place(side, 'limit', side === 'buy' ? mid - away : mid + away, 1 + random(10));
}

for (let i = 0; i < 500_000; i++) operation(); // warm up: the figure is about the compiled book
const started = process.hrtime.bigint();
for (let i = 0; i < OPERATIONS; i++) operation();
const seconds = Number(process.hrtime.bigint() - started) / 1e9;
console.log(
  JSON.stringify({
    name: 'book/operations',
    operations: OPERATIONS,
    seconds,
    perSecond: Math.round(OPERATIONS / seconds),
    traded,
    node: process.version,
  }),
);
