import { assertNever, formatBytes, formatDuration } from '#kernel';
import type { Trigger } from './policy.ts';
import type { InstanceStatus } from './ports.ts';

/** What an instance used when it was first looked at, and at the last look: growth and CPU are differences. */
type UsageSeen = { readonly firstMemoryBytes: number; readonly lastCpuMs: number; readonly cpuPercent: number };

/** By the name of the instance. */
export type UsageProgress = Readonly<Record<string, UsageSeen>>;

export type UsageTrigger = Extract<Trigger, { readonly kind: 'memory' | 'memory-growth' | 'cpu' }>;

export const isUsageTrigger = (trigger: Trigger): trigger is UsageTrigger =>
  trigger.kind === 'memory' || trigger.kind === 'memory-growth' || trigger.kind === 'cpu';

/** What the instances use, after one more look that came `ms` after the one before. */
export function seeUsage(progress: UsageProgress, instances: readonly InstanceStatus[], ms: number): UsageProgress {
  return Object.fromEntries(
    instances.flatMap(({ name, usage }): readonly [string, UsageSeen][] => {
      if (usage === undefined) return [];
      const before = Object.hasOwn(progress, name) ? progress[name] : undefined;
      // A process that was started again counts its time from the beginning: nothing can be said about it until the next look.
      const spent = before === undefined ? 0 : Math.max(0, usage.cpuMs - before.lastCpuMs);
      const cpuPercent = before === undefined || ms <= 0 ? 0 : (spent / ms) * 100;
      return [[name, { firstMemoryBytes: before?.firstMemoryBytes ?? usage.memoryBytes, lastCpuMs: usage.cpuMs, cpuPercent }]];
    }),
  );
}

/** An instance that is above a limit now, in words; undefined when none is. */
export function aboveLimit(trigger: UsageTrigger, instances: readonly InstanceStatus[], seen: UsageProgress): string | undefined {
  for (const { name, usage } of instances) {
    const known = Object.hasOwn(seen, name) ? seen[name] : undefined;
    if (usage === undefined || known === undefined) continue;
    const { memoryBytes } = usage;
    switch (trigger.kind) {
      case 'memory':
        if (memoryBytes > trigger.above)
          return `${name} uses ${formatBytes(memoryBytes)} of memory (limit ${formatBytes(trigger.above)} for ${formatDuration(trigger.for)})`;
        break;
      case 'memory-growth': {
        const { firstMemoryBytes } = known;
        if (memoryBytes > trigger.times * firstMemoryBytes && memoryBytes - firstMemoryBytes > trigger.atLeast)
          return `${name} grew from ${formatBytes(firstMemoryBytes)} to ${formatBytes(memoryBytes)} of memory (limit ${trigger.times} times as much for ${formatDuration(trigger.for)})`;
        break;
      }
      case 'cpu':
        if (known.cpuPercent > trigger.abovePercent)
          return `${name} uses ${Math.round(known.cpuPercent)} % of a CPU (limit ${trigger.abovePercent} % for ${formatDuration(trigger.for)})`;
        break;
      default:
        return assertNever(trigger);
    }
  }
  return undefined;
}

/** A declared limit for which nothing was measured has not been kept: it has not been looked at (I1). The limit on growth is everybody's, and is kept where it can be measured. */
export function unmeasured(triggers: readonly Trigger[], instances: readonly InstanceStatus[]): string | undefined {
  if (!triggers.some(({ kind }) => kind === 'memory' || kind === 'cpu')) return undefined;
  const without = instances.find(({ usage }) => usage === undefined);
  return without === undefined ? undefined : `memory and CPU of ${without.name} are not measured`;
}
