import { readdirSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

export type CacheLimits = { readonly maximumBytes: number; readonly maximumAgeMs: number };

/** Removes entries that were not used for too long, then the longest unused until the rest fits. Who has one open reads on. */
export function evict(folder: string, { maximumBytes, maximumAgeMs }: CacheLimits, now: number): number {
  const entries = readdirSync(folder).flatMap((name) => {
    const stats = statSync(join(folder, name), { throwIfNoEntry: false });
    return stats === undefined ? [] : [{ name, size: Math.min(stats.size, stats.blocks * 512), usedAt: stats.mtimeMs }];
  });
  let total = entries.reduce((sum, { size }) => sum + size, 0);
  let removed = 0;
  for (const { name, size, usedAt } of entries.toSorted((a, b) => a.usedAt - b.usedAt)) {
    if (total <= maximumBytes && now - usedAt <= maximumAgeMs) break;
    try {
      unlinkSync(join(folder, name));
    } catch {
      // Another run removed it.
    }
    total -= size;
    removed += 1;
  }
  return removed;
}
