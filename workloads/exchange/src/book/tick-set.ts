/** Ticks run from 1 to MAX_TICK; 0 and END_TICK mean "no price" below and above. */
export const END_TICK = 2 ** 20; // four 32-way levels of bits; at a tick of 0.01 this reaches a price of 10,485.75
export const MAX_TICK = END_TICK - 1;

const bit = (tick: number): number => 1 << (tick & 31);

/** A set of ticks that finds its next member up or down in at most four words per direction, however far away it is. */
export class TickSet {
  /** Level 0 has one bit per tick; each level above has one bit per non-empty word below. */
  readonly #levels: readonly Int32Array[] = [15, 10, 5, 0].map((bits) => new Int32Array(2 ** bits));

  add(tick: number): void {
    let at = tick;
    for (const words of this.#levels) {
      words[at >>> 5] = word(words, at >>> 5) | bit(at);
      at >>>= 5;
    }
  }

  delete(tick: number): void {
    let at = tick;
    for (const words of this.#levels) {
      const left = word(words, at >>> 5) & ~bit(at);
      words[at >>> 5] = left;
      if (left !== 0) return;
      at >>>= 5;
    }
  }

  /** The smallest member above `tick`, or END_TICK. */
  above(tick: number): number {
    let at = tick;
    for (let level = 0; level < this.#levels.length; level++) {
      const higher = this.#word(level, at >>> 5) & (-2 << (at & 31));
      if (higher !== 0) return this.#descend(level, ((at >>> 5) << 5) + lowest(higher), lowest);
      at >>>= 5;
    }
    return END_TICK;
  }

  /** The largest member below `tick`, or 0. */
  below(tick: number): number {
    let at = tick;
    for (let level = 0; level < this.#levels.length; level++) {
      const lower = this.#word(level, at >>> 5) & (bit(at) - 1);
      if (lower !== 0) return this.#descend(level, ((at >>> 5) << 5) + highest(lower), highest);
      at >>>= 5;
    }
    return 0;
  }

  #descend(from: number, found: number, pick: (bits: number) => number): number {
    let at = found;
    for (let level = from - 1; level >= 0; level--) at = (at << 5) + pick(this.#word(level, at));
    return at;
  }

  #word(level: number, index: number): number {
    return word(this.#levels[level] as Int32Array, index);
  }
}

const word = (words: Int32Array, index: number): number => words[index] as number;
const lowest = (bits: number): number => 31 - Math.clz32(bits & -bits);
const highest = (bits: number): number => 31 - Math.clz32(bits);
