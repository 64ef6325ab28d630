import type { Slot, Weights } from '#rollout';

/**
 * Decides which slot takes the next request: exactly by weight and evenly spread, so that 500 basis points are 5 of any 100 requests
 * in a row and not 5 on average. A random draw would need thousands of requests until its share is right, and a canary that gets
 * none by chance looks healthy.
 */
export class Split {
  #green = 0;
  #total = 0;
  // Half a step ahead: a small share sees its first request soon, and not only after a full period.
  #credit = 5_000;

  /** Follows new weights; the same weights again do not disturb the sequence. */
  set(weights: Weights): void {
    if (weights.green === this.#green && weights.blue + weights.green === this.#total) return;
    this.#green = weights.green;
    this.#total = weights.blue + weights.green;
    this.#credit = 5_000;
  }

  /** The slot of the next request; undefined while no slot has weight. */
  next(): Slot | undefined {
    if (this.#total === 0) return undefined;
    this.#credit += this.#green;
    if (this.#credit < 10_000) return 'blue';
    this.#credit -= 10_000;
    return 'green';
  }
}
