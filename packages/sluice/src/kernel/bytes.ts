import type { Brand } from './brand.ts';

/** An amount of memory or disk in bytes, a whole number. */
export type Bytes = Brand<number, 'Bytes'>;

const units = { B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const;

/** An amount as people write it: `512MiB`, `1.5GiB`. Powers of 1,024, and said so. */
export function bytes(written: string): Bytes {
  const [, number = '', unit = ''] = /^(\d{1,9}(?:\.\d{1,3})?)\s?(B|KiB|MiB|GiB|TiB)$/.exec(written) ?? [];
  const factor = Object.hasOwn(units, unit) ? units[unit as keyof typeof units] : Number.NaN;
  const amount = Math.round(Number(number) * factor);
  if (!Number.isSafeInteger(amount)) throw new RangeError(`"${written}" is no amount of bytes: write it like "512MiB" or "1.5GiB"`);
  return amount as Bytes;
}

/** For people: `1.5 GiB`. */
export function formatBytes(amount: number): string {
  const [name, factor] = Object.entries(units).findLast(([, each]) => amount >= each) ?? ['B', 1];
  const value = amount / factor;
  return `${value >= 100 || factor === 1 ? Math.round(value) : value.toFixed(1).replace(/\.0$/, '')} ${name}`;
}
