export { EventDigest } from './event-digest.ts';
export { OrderBook } from './order-book.ts';
export type { OrderType, Side } from './order-book.ts';
export { END_TICK } from './tick-set.ts';
