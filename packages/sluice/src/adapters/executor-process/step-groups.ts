import type { ProcessIdentity } from '#host';
import { startOf, type ProcEntry } from './proc.ts';
import type { Task } from './task.ts';

/** `ended`: its leader was waited for, so that nothing but who is left in its session keeps the number from going to somebody else. */
type Group = { readonly task: Task; readonly startTicks: number; readonly ended: boolean };

/**
 * The sessions that were started for tasks, by number: each step leads one, and the process group of the same number in it. Nobody comes in from
 * outside, so whoever names one of them as its session is ours, as long as the number is: while its leader was not waited for, or while somebody
 * whom we know is left in it. After that the number may be a stranger's.
 */
export class StepGroups {
  readonly #groups = new Map<number, Group>();

  add(task: Task, { pid, startTicks }: ProcessIdentity): void {
    // Also in the place of an older session of that number, of whichever task.
    this.#groups.set(pid, { task, startTicks, ended: false });
  }

  leaderEnded({ pid, startTicks }: ProcessIdentity): void {
    const group = this.#groups.get(pid);
    if (group?.startTicks === startTicks) this.#groups.set(pid, { ...group, ended: true });
  }

  /** The task whose session a process is in; `isKept`: whether anybody known is left in the session of that number. */
  ownerOf({ pid, session, startTicks }: ProcEntry, isKept: (session: number) => boolean): Task | undefined {
    const group = this.#groups.get(session);
    if (group === undefined) return undefined;
    if (group.ended) return isKept(session) ? group.task : undefined;
    const leader = session === pid ? startTicks : startOf(session);
    return leader === undefined || leader === group.startTicks ? group.task : undefined;
  }

  /** Whether its leader was not waited for: until then its number, and that of its group, is nobody else's. Where the system tells no start times, the number has to do. */
  isLed(number: number): boolean {
    const group = this.#groups.get(number);
    return group !== undefined && (process.platform !== 'linux' || !group.ended) && startOf(number) === group.startTicks;
  }

  /** The groups of a task, by number. */
  of(task: Task): readonly number[] {
    return [...this.#groups].flatMap(([number, group]) => (group.task === task ? [number] : []));
  }

  /** Forgets the sessions that ended. */
  forgetEmpty(isKept: (session: number) => boolean): void {
    for (const [number, { ended }] of this.#groups) if (ended && !isKept(number)) this.#groups.delete(number);
  }

  forget(task: Task): void {
    for (const number of this.of(task)) this.#groups.delete(number);
  }
}
