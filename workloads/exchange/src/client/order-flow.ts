/** One request of the flow, before it is sent. */
export type Ask =
  | { readonly kind: 'new'; readonly clientOrderId: string; readonly method: 'POST'; readonly path: string; readonly body: string }
  | { readonly kind: 'cancel' | 'order'; readonly clientOrderId: string; readonly method: 'DELETE' | 'GET'; readonly path: string }
  | { readonly kind: 'book'; readonly method: 'GET'; readonly path: string };

const ACCOUNTS = 8;
const REMEMBERED = 2000; // cancels and queries aim at recent orders, most of which still rest or were just filled
const REFERENCE = 10_000; // the api's default reference price; the flow stays well inside its collar

/** A seeded flow of orders: the same seed asks the same things in the same order, as far as the answers are the same. */
export class OrderFlow {
  readonly #prefix: string;
  readonly #acknowledged: string[] = [];
  #state: number;
  #orders = 0;
  #mid = REFERENCE;

  constructor(seed: number, prefix: string) {
    this.#state = (seed ^ 0x9e3779b9) | 0 || 1; // xorshift never leaves zero
    this.#prefix = prefix;
  }

  /** Tells the flow that an order exists, so that it may be cancelled or asked for. */
  acknowledged(clientOrderId: string): void {
    if (this.#acknowledged.length < REMEMBERED) this.#acknowledged.push(clientOrderId);
    else this.#acknowledged[this.#below(REMEMBERED)] = clientOrderId;
  }

  /** 56 % new orders, 14 % cancels, 18 % order queries, 12 % book queries. */
  next(): Ask {
    const dice = this.#below(100);
    if (dice >= 88) return { kind: 'book', method: 'GET', path: '/book' };
    if (dice < 56 || this.#acknowledged.length === 0) return this.#newOrder();
    const at = this.#below(this.#acknowledged.length);
    const clientOrderId = this.#acknowledged[at] as string;
    const path = `/orders/${clientOrderId}`;
    if (dice >= 70) return { kind: 'order', clientOrderId, method: 'GET', path };
    this.#acknowledged[at] = this.#acknowledged.at(-1) as string; // one cancel per order is what people do
    this.#acknowledged.pop();
    return { kind: 'cancel', clientOrderId, method: 'DELETE', path };
  }

  #newOrder(): Ask {
    const clientOrderId = `${this.#prefix}-${++this.#orders}`;
    if (this.#below(20) === 0) this.#mid = Math.min(REFERENCE + 500, Math.max(REFERENCE - 500, this.#mid + this.#below(3) - 1));
    const side = this.#below(2) === 0 ? 'buy' : 'sell';
    const dice = this.#below(100);
    const type = dice < 80 ? 'limit' : dice < 95 ? 'ioc' : 'market';
    const away = this.#below(14) - 2; // one limit order in seven reaches across the spread, so that the book does not pile up
    const ticks = type === 'market' ? 0 : side === 'buy' ? this.#mid - away : this.#mid + away;
    const account = `account-${this.#below(ACCOUNTS) + 1}`;
    const body = JSON.stringify({ clientOrderId, account, side, type, ticks, lots: 1 + this.#below(20) });
    return { kind: 'new', clientOrderId, method: 'POST', path: '/orders', body };
  }

  #below(limit: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % limit;
  }
}
