import type { Slot, Weights } from '#rollout';

/** How strongly the share so far pulls at the chance of the next request: see docs/decisions/0012. */
const pull = 0.1;

/**
 * Draws the slot of each request. Every draw is by chance, so that no client can fall in step with it and no request's slot tells that of the
 * next one; the chance leans a little against what was drawn before, so that the share does not wander off: the difference between drawn and due stays
 * within a few requests for ever, where pure chance would let it grow with the square root of their number.
 */
export class Split {
  readonly #random: () => number;
  #green = 0;
  #total = 0;
  /** How many requests green is owed: due less drawn. */
  #debt = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Follows new weights; the same weights again do not disturb the sequence. */
  set(weights: Weights): void {
    const total = weights.blue + weights.green;
    if (weights.green === this.#green && total === this.#total) return;
    this.#green = weights.green;
    this.#total = total;
    this.#debt = 0;
  }

  /** The slot of the next request; undefined while no slot has weight. */
  next(): Slot | undefined {
    if (this.#total === 0) return undefined;
    if (this.#green === 0) return 'blue';
    if (this.#green === this.#total) return 'green';
    const share = this.#green / this.#total;
    const odds = (share / (1 - share)) * Math.exp(pull * this.#debt);
    const drawn = this.#random() * (1 + odds) < odds;
    this.#debt += share - (drawn ? 1 : 0);
    return drawn ? 'green' : 'blue';
  }
}
