import { signalProcess, type ProcessIdentity } from '#host';
import {
  ancestors,
  isOwnDaemon,
  isProcess,
  lastPid,
  listPids,
  readProc,
  startOf,
  taskOf,
  worksIn,
  writesTo,
  type ProcEntry,
} from './proc.ts';
import { StepGroups } from './step-groups.ts';
import type { Task } from './task.ts';

type Owned = { readonly identity: ProcessIdentity; readonly session: number; readonly task: Task };
type Orphan = { readonly identity: ProcessIdentity; readonly candidates: Set<Task> };

/**
 * Which process belongs to which task. A process is looked at once, when it is first seen, so that a look at the whole machine costs little:
 * it belongs to a task when its parent, its group or its session does, when its environment names the task, or when it holds the leash
 * (the task's log, which every step inherits as descriptor 3). Who gave up all of these at once, and is a daemon in our folders that had no
 * living parent when it was first seen, is an orphan of one of the tasks then running: nobody can tell which, so it ends with the last of them.
 * What gets lost is a daemon that also left our folders before anybody looked.
 */
export class ProcessTable {
  readonly #tasks = new Map<string, Task>();
  readonly #groups = new StepGroups();
  readonly #leashes = new Map<string, Task>();
  /** Processes that belong to a task. */
  readonly #owned = new Map<number, Owned>();
  /** Processes that came from one of these tasks. */
  readonly #orphans = new Map<number, Orphan>();
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
    const task = { name, leash };
    this.#tasks.set(name, task);
    this.#leashes.set(leash, task);
    return task;
  }

  /** A process group was started for the task; `leader` is known from before it was waited for. */
  addGroup(task: Task, leader: ProcessIdentity): void {
    this.#groups.add(task, leader);
    this.#newestOwn = leader.pid;
  }

  /** The leader of a group was waited for: from now on its number may go to somebody else. */
  leaderEnded(leader: ProcessIdentity): void {
    this.#groups.leaderEnded(leader);
  }

  close(task: Task): void {
    this.#tasks.delete(task.name);
    this.#leashes.delete(task.leash);
    this.#groups.forget(task);
    for (const [pid, owned] of this.#owned) if (owned.task === task) this.#owned.delete(pid);
    for (const [pid, { candidates }] of this.#orphans) {
      candidates.delete(task);
      if (candidates.size === 0) this.#orphans.delete(pid);
    }
  }

  /** A look, after which the groups are forgotten that ended: whoever is left of them is known by now. */
  sample(): void {
    this.scan();
    this.#groups.forgetEmpty((number) => this.#owned.values().some((owned) => owned.session === number && isPresent(owned)));
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
    this.#owned.delete(pid); // of somebody who had the id before
    if (this.#orphans.get(pid)?.identity.startTicks !== entry.startTicks) this.#orphans.delete(pid);
    const task =
      this.#groups.ownerOf(entry.group, entry) ??
      this.#groups.ownerOf(entry.session, entry) ??
      present(this.#owned.get(entry.parent))?.task ??
      this.#tasks.get(taskOf(pid) ?? '') ??
      this.#byLeash(pid);
    const identity = { pid, startTicks: entry.startTicks };
    if (task !== undefined) {
      if (isProcess(pid)) this.#owned.set(pid, { identity, session: entry.session, task });
    } else if (!this.#orphans.has(pid)) {
      const candidates = this.#candidatesOf(entry);
      if (candidates.length > 0 && isProcess(pid)) this.#orphans.set(pid, { identity, candidates: new Set(candidates) });
    }
  }

  #candidatesOf({ pid, parent, terminal }: ProcEntry): readonly Task[] {
    const inherited = present(this.#orphans.get(parent))?.candidates;
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
      // Without its leader and without anybody we know in it, it may be a stranger's by now.
      if (!this.#groups.isLed(group) && living.every((entry) => entry.group !== group)) continue;
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

  /** What belongs to the task, and the orphans for which it is the last that may have started them. */
  *#of(task: Task): Generator<ProcessIdentity> {
    for (const { identity, task: owner } of this.#owned.values()) if (owner === task) yield identity;
    for (const { identity, candidates } of this.#orphans.values()) if (candidates.size === 1 && candidates.has(task)) yield identity;
  }
}

/** Process ids are used again: what is known of one holds only while it is the same process. */
const isPresent = ({ identity }: { readonly identity: ProcessIdentity }): boolean => startOf(identity.pid) === identity.startTicks;

function present<Known extends Owned | Orphan>(known: Known | undefined): Known | undefined {
  return known !== undefined && isPresent(known) ? known : undefined;
}

function reaches(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
