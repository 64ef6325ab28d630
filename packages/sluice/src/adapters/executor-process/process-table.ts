import { signalProcess, type ProcessIdentity } from '#host';
import { ancestors, isOwnDaemon, isProcess, lastPid, listPids, readProc, taskOf, worksIn, writesTo, type ProcEntry } from './proc.ts';

/** A task: one attempt of a job, or one of its services. `name` is unique in the world: `<run>.<number>`. */
export type Task = { readonly name: string; readonly leash: string; readonly groups: Set<number> };

/**
 * Which process belongs to which task. A process is looked at once, when it is first seen, so that a look at the whole machine costs little:
 * it belongs to a task when its parent, its group or its session does, when its environment names the task, or when it holds the leash
 * (the task's log, which every step inherits as descriptor 3). Who gave up all of these at once, and is a daemon in our folders that had no
 * living parent when it was first seen, is an orphan of one of the tasks then running: nobody can tell which, so it ends with the last of them.
 * What gets lost is a daemon that also left our folders before anybody looked.
 */
export class ProcessTable {
  readonly #tasks = new Map<string, Task>();
  readonly #groups = new Map<number, Task>();
  readonly #leashes = new Map<string, Task>();
  /** Processes that belong to a task. */
  readonly #owned = new Map<number, { readonly identity: ProcessIdentity; readonly task: Task }>();
  /** Processes that came from one of these tasks. */
  readonly #orphans = new Map<number, { readonly identity: ProcessIdentity; readonly candidates: Set<Task> }>();
  readonly #adopters = ancestors();
  readonly #folders: readonly string[];
  /** Every id up to this one was looked at. */
  #lookedTo: number | undefined = lastPid();
  /** The same where the system does not tell the last id: every id that is there. */
  #known: ReadonlySet<number> = new Set(this.#lookedTo === undefined ? listPids() : []);
  #newestOwn = 0;

  /** `folders`: where jobs work. */
  constructor(folders: readonly string[]) {
    this.#folders = folders;
  }

  open(name: string, leash: string): Task {
    const task = { name, leash, groups: new Set<number>() };
    this.#tasks.set(name, task);
    this.#leashes.set(leash, task);
    return task;
  }

  /** A process group was started for the task. */
  addGroup(task: Task, group: number): void {
    task.groups.add(group);
    this.#groups.set(group, task);
    this.#newestOwn = group;
  }

  close(task: Task): void {
    this.#tasks.delete(task.name);
    this.#leashes.delete(task.leash);
    for (const group of task.groups) this.#groups.delete(group);
    for (const [pid, owned] of this.#owned) if (owned.task === task) this.#owned.delete(pid);
    for (const [pid, { candidates }] of this.#orphans) {
      candidates.delete(task);
      if (candidates.size === 0) this.#orphans.delete(pid);
    }
  }

  /** Looks at every process that came since the last look. Parents come before their children, unless the ids wrapped around. */
  scan(): void {
    const last = lastPid();
    const from = this.#lookedTo;
    this.#lookedTo = last;
    // The ids wrapped around, or the system's answer is older than what we started ourselves: look at everything.
    if (last === undefined || from === undefined || last < from || last < this.#newestOwn || last - from > 1_000) {
      const known = this.#known;
      const pids = listPids();
      if (last === undefined) this.#known = new Set(pids);
      for (const pid of pids) if (!known.has(pid)) this.#look(pid);
    } else {
      // A process gets its id a moment before it can be seen: the newest of the last look are looked at again.
      for (let pid = Math.max(1, from + 1 - 8); pid <= last; pid += 1) this.#look(pid);
    }
    this.#newestOwn = 0;
  }

  #look(pid: number): void {
    if (pid === process.pid) return; // we hold every leash ourselves
    const entry = readProc(pid);
    if (entry === undefined || this.#owned.get(pid)?.identity.startTicks === entry.startTicks) return;
    const task =
      this.#groups.get(entry.group) ??
      this.#groups.get(entry.session) ??
      this.#owned.get(entry.parent)?.task ??
      this.#tasks.get(taskOf(pid) ?? '') ??
      this.#byLeash(pid);
    const identity = { pid, startTicks: entry.startTicks };
    if (task !== undefined) {
      if (isProcess(pid)) this.#owned.set(pid, { identity, task });
    } else if (!this.#orphans.has(pid)) {
      const candidates = this.#candidatesOf(entry);
      if (candidates.length > 0 && isProcess(pid)) this.#orphans.set(pid, { identity, candidates: new Set(candidates) });
    }
  }

  #candidatesOf({ pid, parent, terminal }: ProcEntry): readonly Task[] {
    const inherited = this.#orphans.get(parent)?.candidates;
    if (inherited !== undefined) return [...inherited];
    const isOrphan = terminal === 0 && this.#adopters.has(parent) && worksIn(pid, this.#folders) && !isOwnDaemon(pid);
    return isOrphan ? [...this.#tasks.values()] : [];
  }

  #byLeash(pid: number): Task | undefined {
    const leash = writesTo(pid, (file) => this.#leashes.has(file));
    return leash === undefined ? undefined : this.#leashes.get(leash);
  }

  /** Whether anything of the task runs, after a fresh look. */
  running(task: Task): number {
    this.scan();
    let count = 0;
    for (const { pid, startTicks } of this.#of(task)) if (readProc(pid)?.startTicks === startTicks) count += 1;
    if (count > 0) return count;
    // Without /proc the groups have to do.
    for (const group of task.groups) if (process.platform !== 'linux' && reaches(-group)) count += 1;
    return count;
  }

  /** Sends a signal to everything of the task. */
  signal(task: Task, signal: NodeJS.Signals): void {
    for (const group of task.groups) {
      try {
        process.kill(-group, signal);
      } catch {
        // Nobody is left in it.
      }
    }
    for (const identity of this.#of(task)) {
      // Who is in a group got it already: a second SIGTERM would interrupt its cleaning up.
      if (!task.groups.has(readProc(identity.pid)?.group ?? 0)) signalProcess(identity, signal);
    }
  }

  /** What belongs to the task, and the orphans for which it is the last that may have started them. */
  *#of(task: Task): Generator<ProcessIdentity> {
    for (const { identity, task: owner } of this.#owned.values()) if (owner === task) yield identity;
    for (const { identity, candidates } of this.#orphans.values()) if (candidates.size === 1 && candidates.has(task)) yield identity;
  }
}

function reaches(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
