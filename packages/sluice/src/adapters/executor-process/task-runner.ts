import { lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { removeTree } from '#host';
import type { ProcessIdentity } from '#host';
import type { Clock, Sandbox } from '#kernel';
import { SecretMask, type SecretPatterns } from '#run';
import { endTask } from './end-task.ts';
import { SpareLogs } from './job-log.ts';
import { ProcessTable } from './process-table.ts';
import type { Task } from './task.ts';

export type RunnerOptions = {
  /** The beginning of what the environment of its processes says, unique in the world. */
  readonly mark: string;
  readonly project: string;
  /** What keeps jobs away from everything else, if anything does. */
  readonly sandbox: Sandbox;
  /** Where programs are looked up: all that a job inherits of its runner's environment. */
  readonly path: string;
  /** A private folder for `HOME` and `TMPDIR` of jobs, gone with the run. */
  readonly scratch: string;
  /** Writes down a process that was started, outside of the project. */
  readonly onProcess: (leader: ProcessIdentity) => void;
  readonly clock: Clock;
  /** All secrets of the run: none of them reaches any log. */
  readonly patterns: SecretPatterns | undefined;
  readonly graceMs: number;
  /** Ends the grace: a second Ctrl-C. */
  readonly force: AbortSignal;
};

const sampleMs = 100; // rare enough to cost nothing, often enough to see a child before its parent leaves it

/** What attempts and services of one run share: the process table, the folders, the mask. */
export class TaskRunner implements AsyncDisposable {
  readonly options: RunnerOptions;
  readonly table: ProcessTable;
  readonly home: string;
  readonly patterns: SecretPatterns | undefined;
  readonly spares = new SpareLogs();
  #count = 0;
  /** Temporary folders that are empty and free: making and removing one for each attempt would cost more than the journal. */
  readonly #free: string[] = [];
  readonly #open = new Set<Task>();
  readonly #endings = new Set<() => Promise<unknown>>();
  #sampling: NodeJS.Timeout | undefined;

  constructor(options: RunnerOptions) {
    this.options = options;
    this.table = new ProcessTable(() => options.clock.monotonic());
    this.home = join(options.scratch, 'home');
    mkdirSync(this.home, { recursive: true, mode: 0o700 });
    this.patterns = options.patterns;
  }

  /** A task with an empty temporary folder of its own. */
  open(leash: string): { readonly task: Task; readonly temporary: string } {
    this.#count += 1;
    const task = this.table.open(`${this.options.mark}.${this.#count}`, leash);
    this.#open.add(task);
    this.#sampling ??= setInterval(() => this.table.sample(), sampleMs).unref();
    return { task, temporary: this.#temporary() };
  }

  /** A name and an empty folder for what runs in a sandbox, where nobody has to be found again. */
  lend(): { readonly name: string; readonly temporary: string } {
    this.#count += 1;
    return { name: `${this.options.mark}.${this.#count}`, temporary: this.#temporary() };
  }

  #temporary(): string {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const temporary = join(this.options.scratch, String(this.#count));
    mkdirSync(temporary, { mode: 0o700 });
    return temporary;
  }

  /** What is to be ended, whatever happens, before the run lets go. */
  onDispose(end: () => Promise<unknown>): void {
    this.#endings.add(end);
  }

  mask(): SecretMask | undefined {
    return this.patterns === undefined ? undefined : new SecretMask(this.patterns);
  }

  /** A process of the task was started, which leads a session: it is written down, so that it is found also when we die. */
  began(task: Task, leader: ProcessIdentity, ended: Promise<unknown>): void {
    this.table.addGroup(task, leader);
    const onEnd = (): void => this.table.leaderEnded(leader);
    void ended.then(onEnd, onEnd);
    this.options.onProcess(leader);
  }

  /** Ends whatever the task started and still runs; tells how many processes there were. */
  end(task: Task): Promise<number> {
    return endTask(this.table, task, this.options.clock, { graceMs: this.options.graceMs, now: this.options.force });
  }

  close(task: Task, temporary: string): void {
    this.table.close(task);
    this.#open.delete(task);
    if (this.#open.size === 0) {
      clearInterval(this.#sampling);
      this.#sampling = undefined;
    }
    this.giveBack(temporary);
  }

  giveBack(temporary: string): void {
    if (isFresh(temporary)) this.#free.push(temporary);
    else removeTree(temporary);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const task of this.#open) await this.end(task);
    for (const end of this.#endings) await end();
    clearInterval(this.#sampling);
  }
}

/** A folder that a job removed, closed to us or made a link is not free to be used again: the next job would write to where that leads. */
function isFresh(folder: string): boolean {
  try {
    const stats = lstatSync(folder);
    return stats.isDirectory() && (stats.mode & 0o777) === 0o700 && readdirSync(folder).length === 0;
  } catch {
    return false;
  }
}
