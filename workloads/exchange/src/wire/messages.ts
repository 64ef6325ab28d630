/** The words of the wire, written out here so that a change of the book never changes them by accident. */
export const sides = ['buy', 'sell'] as const;
export const orderTypes = ['limit', 'ioc', 'market'] as const;

export type NewOrder = {
  readonly op: 'new';
  readonly clientOrderId: string;
  readonly account: string;
  readonly side: (typeof sides)[number];
  readonly type: (typeof orderTypes)[number];
  /** 0 for a market order, which has no price. */
  readonly ticks: number;
  readonly lots: number;
};
export type CancelOrder = { readonly op: 'cancel'; readonly clientOrderId: string };
type QueryOrder = { readonly op: 'order'; readonly clientOrderId: string };
type QueryBook = { readonly op: 'book'; readonly depth: number };

export type Command = NewOrder | CancelOrder | QueryOrder | QueryBook;

/** Commands that change the book: they are journaled, and repeating one repeats its answer. */
export type ChangeCommand = NewOrder | CancelOrder;

export type Fill = { readonly ticks: number; readonly lots: number };

/** What the book did with an order at the moment it arrived; a repeated command gets this same answer. */
export type Placed = {
  readonly kind: 'placed';
  readonly order: number;
  readonly executed: number;
  readonly open: number;
  readonly cancelled: number;
  readonly fills: readonly Fill[];
};
type Cancelled = { readonly kind: 'cancelled'; readonly lots: number };

/** An order as it stands now. */
export type OrderView = {
  readonly kind: 'order';
  readonly order: number;
  readonly account: string;
  readonly side: NewOrder['side'];
  readonly type: NewOrder['type'];
  readonly ticks: number;
  readonly lots: number;
  readonly executed: number;
  readonly open: number;
  readonly cancelled: number;
};
export type BookView = {
  readonly kind: 'book';
  readonly sequence: number;
  readonly bids: readonly (readonly [ticks: number, lots: number])[];
  readonly asks: readonly (readonly [ticks: number, lots: number])[];
};

/** A command that changed nothing, and why. */
export type Refused = {
  readonly kind: 'refused';
  readonly code: 'malformed' | 'unknown-order' | 'order-closed' | 'id-taken';
  readonly message: string;
};

export type Answer = Placed | Cancelled | OrderView | BookView | Refused;

/** One line from the api to the engine; `n` is chosen by the sender and comes back with the answer. */
export type Request = { readonly n: number; readonly command: Command };

/** One line from the engine to the api: first a greeting, then one reply per request, matched by `n`. */
export type Greeting = { readonly hello: 'exchange-engine'; readonly protocol: number };
export type Reply = { readonly n: number; readonly answer: Answer };

export const PROTOCOL = 1;
