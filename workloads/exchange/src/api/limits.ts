import type { NewOrder } from '../wire/index.ts';

/** The limits set before any order may pass. */
export type LimitSettings = {
  readonly maxOrderLots: number;
  /** The price that the collar is around. */
  readonly referenceTicks: number;
  readonly collarTicks: number;
  /** New orders per second and account, with a burst of one second. */
  readonly maxOrdersPerSecond: number;
};

export type Breach = { readonly code: 'order-size' | 'price-collar' | 'order-rate'; readonly message: string };

type Allowance = { orders: number; at: number };

/** Pre-trade limits. They bind new orders only: a cancel lowers risk and always passes. */
export class PreTradeLimits {
  readonly #settings: LimitSettings;
  readonly #nowMs: () => number;
  /** The account that was quiet for longest comes first. */
  readonly #allowances = new Map<string, Allowance>();

  constructor(settings: LimitSettings, nowMs: () => number) {
    this.#settings = settings;
    this.#nowMs = nowMs;
  }

  /** The first limit that an order breaks, or undefined; every checked order counts towards the rate, refused or not. */
  check(order: NewOrder): Breach | undefined {
    const { maxOrderLots, maxOrdersPerSecond, referenceTicks, collarTicks } = this.#settings;
    if (!this.#countsWithinRate(order.account)) {
      return breach('order-rate', `account ${order.account} sent more than ${maxOrdersPerSecond} orders per second; slow down`);
    }
    if (order.lots > maxOrderLots) return breach('order-size', `${order.lots} lots; an order may have at most ${maxOrderLots}`);
    const away = Math.abs(order.ticks - referenceTicks);
    if (order.type !== 'market' && away > collarTicks) {
      const [low, high] = [Math.max(1, referenceTicks - collarTicks), referenceTicks + collarTicks];
      return breach('price-collar', `${order.ticks} ticks is outside the collar; prices from ${low} to ${high} pass`);
    }
    return undefined;
  }

  /** A bucket per account that refills with time. */
  #countsWithinRate(account: string): boolean {
    const perSecond = this.#settings.maxOrdersPerSecond;
    const now = this.#nowMs();
    this.#forgetFull(now);
    const last = this.#allowances.get(account) ?? { orders: perSecond, at: now };
    const orders = Math.min(perSecond, last.orders + ((now - last.at) * perSecond) / 1000);
    const passes = orders >= 1;
    this.#allowances.delete(account);
    this.#allowances.set(account, { orders: passes ? orders - 1 : orders, at: now });
    return passes;
  }

  /**
   * An account that was quiet for a second has its whole allowance again: forgetting it changes nothing. Clients choose the names of accounts, so the table
   * holds those of the last second only, and an order pays for the accounts it removes, never for those that stay.
   */
  #forgetFull(now: number): void {
    for (const [account, { at }] of this.#allowances) {
      if (now - at < 1000) return;
      this.#allowances.delete(account);
    }
  }
}

const breach = (code: Breach['code'], message: string): Breach => ({ code, message });
