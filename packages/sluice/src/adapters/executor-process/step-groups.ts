import type { ProcessIdentity } from '#host';
import { startOf, type ProcEntry } from './proc.ts';
import type { Task } from './task.ts';

/** `ended`: its leader was waited for, so that nothing but its members keeps the number from going to somebody else. */
type Group = { readonly task: Task; readonly startTicks: number; readonly ended: boolean };

/**
 * The process groups (and sessions: a step leads both) that were started for tasks. A number goes to somebody else only when nobody is left in
 * its group and its session. So a leader with another start time is a stranger, whose group is none of ours; and a group without a leader is
 * still ours, because groups that were left by everybody are forgotten at the next sample.
 */
export class StepGroups {
  readonly #groups = new Map<number, Group>();

  add(task: Task, { pid, startTicks }: ProcessIdentity): void {
    // Also in the place of an older group of that number, of whichever task.
    this.#groups.set(pid, { task, startTicks, ended: false });
  }

  leaderEnded({ pid, startTicks }: ProcessIdentity): void {
    const group = this.#groups.get(pid);
    if (group?.startTicks === startTicks) this.#groups.set(pid, { ...group, ended: true });
  }

  /** The task whose group or session it is that a process names as its own. */
  ownerOf(number: number, by: ProcEntry): Task | undefined {
    const group = this.#groups.get(number);
    if (group === undefined) return undefined;
    // A leader that was not waited for still has its number: only of others need the system be asked, once per process that is new in them.
    const leader = number === by.pid ? by.startTicks : group.ended ? startOf(number) : group.startTicks;
    if (leader === undefined || leader === group.startTicks) return group.task;
    this.#groups.delete(number);
    return undefined;
  }

  /** Whether the leader that was started is still there, if only to be waited for. */
  isLed(number: number): boolean {
    return startOf(number) === this.#groups.get(number)?.startTicks;
  }

  /** The groups of a task, by number. */
  of(task: Task): readonly number[] {
    return [...this.#groups].flatMap(([number, group]) => (group.task === task ? [number] : []));
  }

  /** Forgets the groups that are empty; `hasSession`: whether anybody known is left in the session of that number. */
  forgetEmpty(hasSession: (number: number) => boolean): void {
    for (const [number, { ended }] of this.#groups) if (ended && isEmpty(number) && !hasSession(number)) this.#groups.delete(number);
  }

  forget(task: Task): void {
    for (const number of this.of(task)) this.#groups.delete(number);
  }
}

function isEmpty(group: number): boolean {
  try {
    process.kill(-group, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}
