import { signalProcess, type ProcessIdentity } from '#host';
import { isProcess, isShortage, lastPid, listPids, ownAncestors, pidMaximum, readProc, startOf, taskOf, writesTo } from './proc.ts';
import { StepGroups } from './step-groups.ts';
import type { Task } from './task.ts';

type Owned = { readonly identity: ProcessIdentity; readonly session: number; readonly task: Task };

/** No system gives out ids faster than this, in ids per millisecond: a few processors make about a hundred. */
const fastestIds = 200;

/**
 * Which process belongs to which task. A process is looked at once, when it is first seen, so that a look at the whole machine costs little. It
 * belongs to a task when that can be proved: its parent does, its session is one that a step led, its environment names the task, or it has the
 * task's log open for writing. Never who was there before the runner, and never who started it. Who gave up all of this at once, before anybody
 * looked, is lost; only a sandbox holds it, in which nothing has to be guessed.
 */
export class ProcessTable {
  readonly #tasks = new Map<string, Task>();
  readonly #groups = new StepGroups();
  readonly #leashes = new Map<string, Task>();
  /** Processes that belong to a task. */
  readonly #owned = new Map<number, Owned>();
  readonly #ancestors = ownAncestors();
  readonly #since = startOf(process.pid) ?? 0;
  readonly #now: () => number;
  /** The ids come round again after so many milliseconds at the earliest. */
  readonly #roundMs = (pidMaximum() ?? 0) / fastestIds;
  #lookedAt: number;
  /** Every id up to this one was looked at. */
  #lookedTo: number | undefined = lastPid();
  #newestOwn = 0;

  /** `now`: monotonic, in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
    this.#lookedAt = now();
  }

  open(name: string, leash: string): Task {
    const task = { name, leash };
    this.#tasks.set(name, task);
    this.#leashes.set(leash, task);
    return task;
  }

  /** A process was started for the task that leads a session; it is known from before it was waited for. */
  addGroup(task: Task, leader: ProcessIdentity): void {
    this.#groups.add(task, leader);
    this.#newestOwn = leader.pid;
  }

  /** The leader of a session was waited for: from now on only who is left in it keeps its number, so they are looked at before anything else happens. */
  leaderEnded(leader: ProcessIdentity): void {
    const seen = this.#scanned();
    this.#groups.leaderEnded(leader);
    if (seen) this.#groups.forgetEmpty((session) => this.#isKept(session));
  }

  close(task: Task): void {
    this.#tasks.delete(task.name);
    this.#leashes.delete(task.leash);
    this.#groups.forget(task);
    for (const [pid, owned] of this.#owned) if (owned.task === task) this.#owned.delete(pid);
  }

  /** A look, after which the sessions are forgotten that ended. */
  sample(): void {
    if (this.#scanned()) this.#groups.forgetEmpty((session) => this.#isKept(session));
  }

  /** Whether a look succeeded: one for which there is no descriptor left is made again later. */
  #scanned(): boolean {
    try {
      this.scan();
      return true;
    } catch (error) {
      if (isShortage(error)) return false;
      throw error;
    }
  }

  /** Looks at every process that came since the last look. Parents come before their children, unless the ids came round. Throws where nobody can be looked at. */
  scan(): void {
    const before = this.#lookedTo;
    try {
      this.#scan();
    } catch (error) {
      this.#lookedTo = before;
      throw error;
    }
  }

  #scan(): void {
    const now = this.#now();
    const mayHaveComeRound = now - this.#lookedAt >= this.#roundMs;
    this.#lookedAt = now;
    const last = lastPid();
    const from = this.#lookedTo;
    this.#lookedTo = last;
    // The ids came round, or may have, or the system's answer is older than what we started ourselves: look at everything.
    if (mayHaveComeRound || last === undefined || from === undefined || last < from || last < this.#newestOwn || last - from > 1_000) {
      const pids = listPids();
      for (const pid of pids) this.#look(pid);
      // A child with a smaller number than its parent was looked at too early.
      for (const pid of pids) this.#look(pid);
    } else {
      // A process gets its id a moment before it can be seen: the newest of the last look are looked at again.
      for (let pid = Math.max(1, from + 1 - 8); pid <= last; pid += 1) this.#look(pid);
    }
    this.#newestOwn = 0;
  }

  #look(pid: number): void {
    const entry = readProc(pid);
    if (entry === undefined || this.#owned.get(pid)?.identity.startTicks === entry.startTicks) return;
    this.#owned.delete(pid); // of somebody who had the id before
    if (entry.startTicks < this.#since || (entry.startTicks === this.#since && this.#ancestors.has(pid))) return;
    const task =
      this.#groups.ownerOf(entry, (session) => this.#isKept(session)) ??
      this.#ownerOfParent(entry.parent) ??
      this.#tasks.get(taskOf(pid) ?? '') ??
      this.#byLeash(pid);
    if (task === undefined || !isProcess(pid)) return;
    this.#owned.set(pid, { identity: { pid, startTicks: entry.startTicks }, session: entry.session, task });
  }

  #ownerOfParent(parent: number): Task | undefined {
    const owned = this.#owned.get(parent);
    return owned !== undefined && isPresent(owned) ? owned.task : undefined;
  }

  #byLeash(pid: number): Task | undefined {
    const leash = writesTo(pid, (file) => this.#leashes.has(file));
    return leash === undefined ? undefined : this.#leashes.get(leash);
  }

  #isKept(session: number): boolean {
    for (const owned of this.#owned.values()) if (owned.session === session && isPresent(owned)) return true;
    return process.platform !== 'linux' && reaches(-session);
  }

  /** Whether anything of the task runs, after a fresh look. */
  running(task: Task): number {
    this.scan();
    let count = 0;
    for (const { pid, startTicks } of this.#of(task)) if (readProc(pid)?.startTicks === startTicks) count += 1;
    if (count > 0) return count;
    // Without /proc the groups have to do.
    if (process.platform !== 'linux') for (const group of this.#groups.of(task)) if (reaches(-group)) count += 1;
    return count;
  }

  /** Sends a signal to everything of the task. */
  signal(task: Task, signal: NodeJS.Signals): void {
    const living = [...this.#of(task)].flatMap(({ pid, startTicks }) => {
      const entry = readProc(pid);
      return entry?.startTicks === startTicks ? [entry] : [];
    });
    const reached = new Set<number>();
    for (const group of this.#groups.of(task)) {
      // A number whose leader was waited for may be a stranger's: who is left in it is reached one by one.
      if (!this.#groups.isLed(group)) continue;
      reached.add(group);
      try {
        process.kill(-group, signal);
      } catch {
        // Nobody is left in it.
      }
    }
    // Who is in a group got it already: a second SIGTERM would interrupt its cleaning up.
    for (const entry of living) if (!reached.has(entry.group)) signalProcess(entry, signal);
  }

  *#of(task: Task): Generator<ProcessIdentity> {
    for (const { identity, task: owner } of this.#owned.values()) if (owner === task) yield identity;
  }
}

/** Process ids are used again: what is known of one holds only while it is the same process. */
const isPresent = ({ identity }: { readonly identity: ProcessIdentity }): boolean => startOf(identity.pid) === identity.startTicks;

function reaches(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
