import { assertNever } from '#kernel';
import type { InstanceExit, InstanceStatus } from './ports.ts';

/** An instance of the new slot that ended without being told to: the cause behind most percentages. */
export type Crash = {
  readonly instance: string;
  readonly how: InstanceExit['how'];
  /** Epoch milliseconds. */
  readonly at: number;
  /** How often instances of the slot ended by themselves. */
  readonly times: number;
  readonly lastLines: readonly string[];
};

/** As much of a line as is shown beside other facts. */
const widestLine = 160;

/** The last crash among these instances; undefined when none ended by itself. */
export function crashOf(instances: readonly InstanceStatus[]): Crash | undefined {
  const crashed = instances
    .flatMap(({ name, lastExit }) => (lastExit === undefined ? [] : [{ instance: name, ...lastExit }]))
    .toSorted((a, b) => b.at - a.at);
  const [last] = crashed;
  if (last === undefined) return undefined;
  // One that ended and was not started again yet has a crash more than restarts.
  const down = instances.filter((one) => one.state === 'exited').length;
  const times = Math.max(1, instances.reduce((sum, one) => sum + one.restarts, 0) + down);
  return { ...last, times };
}

/** How a process ended, in words: `exit code 3`, `signal SIGSEGV`. */
export function describeExit(how: InstanceExit['how']): string {
  switch (how.kind) {
    case 'code':
      return `exit code ${how.code}`;
    case 'signal':
      return `signal ${how.signal}`;
    case 'unknown':
      return 'an end that nobody saw';
    default:
      return assertNever(how);
  }
}

/** A crash in one line: who, how, how often, and what it said last. */
export function describeCrash({ instance, how, times, lastLines }: Crash): string {
  const words = lastLines.findLast((line) => line.trim() !== '')?.trim();
  const said = words === undefined ? '' : `, saying "${words.length > widestLine ? `${words.slice(0, widestLine - 1)}…` : words}"`;
  return `${instance} ${how.kind === 'unknown' ? 'ended by itself, unseen' : `crashed with ${describeExit(how)}`}${times > 1 ? `, ${times} crashes in all` : ''}${said}`;
}
