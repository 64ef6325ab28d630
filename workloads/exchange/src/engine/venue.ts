import { EventDigest, OrderBook } from '../book/index.ts';
import type { Answer, BookView, CancelOrder, ChangeCommand, Command, Fill, NewOrder, OrderView, Placed, Refused } from '../wire/index.ts';

type Known = {
  readonly command: NewOrder;
  readonly placed: Placed;
  executed: number;
  /** Set by the one cancel that was executed, and given again to whoever repeats it. */
  cancelled?: Answer;
};

/** What one command did: whether it changed the book, and so has to be journaled before it is answered. */
export type Outcome = { readonly changed: boolean; readonly answer: Answer };

/** The state of the exchange: a fold over commands, the same when live and when replayed. */
export class Venue {
  readonly #digest = new EventDigest();
  readonly #known = new Map<string, Known>();
  readonly #byOrder: (Known | undefined)[] = [undefined]; // order numbers start at 1
  #fills: Fill[] = [];
  #sequence = 0;
  readonly #book = new OrderBook({
    traded: (maker, taker, ticks, lots) => {
      this.#digest.traded(maker, taker, ticks, lots);
      this.#fills.push({ ticks, lots });
      const resting = this.#byOrder[maker];
      if (resting !== undefined) resting.executed += lots;
    },
    rested: (order, ticks, lots) => this.#digest.rested(order, ticks, lots),
    cancelled: (order, lots) => this.#digest.cancelled(order, lots),
  });

  /** How many commands changed the book so far. */
  get sequence(): number {
    return this.#sequence;
  }

  get orders(): number {
    return this.#known.size;
  }

  /** The digest of every trade, rest and cancel so far. */
  get digest(): string {
    return this.#digest.hex();
  }

  apply(command: Command): Outcome {
    switch (command.op) {
      case 'new':
        return this.#place(command);
      case 'cancel':
        return this.#cancel(command);
      case 'order':
        return unchanged(this.#view(command.clientOrderId));
      case 'book':
        return unchanged(this.#levels(command.depth));
    }
  }

  #place(command: NewOrder): Outcome {
    const known = this.#known.get(command.clientOrderId);
    if (known !== undefined) return unchanged(same(known.command, command) ? known.placed : taken(command));
    this.#fills = [];
    this.#sequence++;
    const order = this.#book.place(command.side, command.type, command.ticks, command.lots);
    const executed = this.#fills.reduce((sum, fill) => sum + fill.lots, 0);
    const open = this.#book.open(order);
    const placed: Placed = { kind: 'placed', order, executed, open, cancelled: command.lots - executed - open, fills: this.#fills };
    const entry: Known = { command, placed, executed };
    this.#known.set(command.clientOrderId, entry);
    this.#byOrder[order] = entry;
    return { changed: true, answer: placed };
  }

  #cancel(command: CancelOrder): Outcome {
    const known = this.#known.get(command.clientOrderId);
    if (known === undefined) return unchanged(unknownOrder(command.clientOrderId));
    if (known.cancelled !== undefined) return unchanged(known.cancelled);
    const lots = this.#book.cancel(known.placed.order);
    if (lots === 0) return unchanged(refused('order-closed', `order "${command.clientOrderId}" has nothing left to cancel`));
    this.#sequence++;
    known.cancelled = { kind: 'cancelled', lots };
    return { changed: true, answer: known.cancelled };
  }

  #view(clientOrderId: string): OrderView | Refused {
    const known = this.#known.get(clientOrderId);
    if (known === undefined) return unknownOrder(clientOrderId);
    const { account, side, type, ticks, lots } = known.command;
    const { order } = known.placed;
    const open = this.#book.open(order);
    const { executed } = known;
    return { kind: 'order', order, account, side, type, ticks, lots, executed, open, cancelled: lots - executed - open };
  }

  #levels(depth: number): BookView {
    const bids = this.#book.levels('buy', depth);
    const asks = this.#book.levels('sell', depth);
    return { kind: 'book', sequence: this.#sequence, bids, asks };
  }
}

/** Whether a command is one that the journal keeps. */
export const isChange = (command: Command): command is ChangeCommand => command.op === 'new' || command.op === 'cancel';

const unchanged = (answer: Answer): Outcome => ({ changed: false, answer });
const refused = (code: Refused['code'], message: string): Refused => ({ kind: 'refused', code, message });
const unknownOrder = (id: string): Refused => refused('unknown-order', `no order "${id}"`);
const taken = ({ clientOrderId }: NewOrder): Refused =>
  refused('id-taken', `clientOrderId "${clientOrderId}" already names another order; choose a new one`);

function same(a: NewOrder, b: NewOrder): boolean {
  return a.account === b.account && a.side === b.side && a.type === b.type && a.ticks === b.ticks && a.lots === b.lots;
}
