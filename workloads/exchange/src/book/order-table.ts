const FIELDS = 4; // 16 bytes side by side: a row never straddles a cache line
const TICKS = 0;
const OPEN = 1;
const BEFORE = 2;
const AFTER = 3;

/** Every order ever placed, one row each in a flat array; an order's number is its row, starting at 1. */
export class OrderTable {
  #rows = new Int32Array(FIELDS * 1024);
  #next = 1;

  add(ticks: number, lots: number): number {
    const order = this.#next++;
    const at = order * FIELDS;
    if (at + FIELDS > this.#rows.length) this.#grow();
    this.#rows[at + TICKS] = ticks;
    this.#rows[at + OPEN] = lots;
    return order;
  }

  ticks(order: number): number {
    return this.#get(order, TICKS);
  }

  /** Lots that can still trade; 0 for a number never given out. */
  open(order: number): number {
    return this.#rows[order * FIELDS + OPEN] ?? 0;
  }

  reduce(order: number, lots: number): void {
    this.#set(order, OPEN, this.open(order) - lots);
  }

  /** Queues `order` right behind `before` in the same level. */
  link(before: number, order: number): void {
    this.#set(before, AFTER, order);
    this.#set(order, BEFORE, before);
  }

  /** Takes `order` out of its queue and tells its neighbours; 0 = none. */
  unlink(order: number): { readonly before: number; readonly after: number } {
    const before = this.#get(order, BEFORE);
    const after = this.#get(order, AFTER);
    if (before !== 0) this.#set(before, AFTER, after);
    if (after !== 0) this.#set(after, BEFORE, before);
    return { before, after };
  }

  #get(order: number, field: number): number {
    return this.#rows[order * FIELDS + field] as number;
  }

  #set(order: number, field: number, value: number): void {
    this.#rows[order * FIELDS + field] = value;
  }

  #grow(): void {
    const wider = new Int32Array(this.#rows.length * 2);
    wider.set(this.#rows);
    this.#rows = wider;
  }
}
