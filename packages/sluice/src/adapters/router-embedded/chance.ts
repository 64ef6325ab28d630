import { randomFillSync } from 'node:crypto';

/** Random numbers from 0 to 1, each unpredictable from those before, drawn from the system a thousand at a time. */
export function systemChance(): () => number {
  const drawn = new Uint32Array(1_024);
  let at = drawn.length;
  return () => {
    if (at === drawn.length) {
      randomFillSync(drawn);
      at = 0;
    }
    const next = drawn[at] ?? 0;
    at += 1;
    return next / 2 ** 32;
  };
}
