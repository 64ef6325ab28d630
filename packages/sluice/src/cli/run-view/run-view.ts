import { formatDuration, type Clock } from '#kernel';
import type { RunEvent } from '#run';
import type { Terminal } from '../terminal.ts';
import { count, cut, pad } from '../text.ts';
import { failureTail, finishedLine, nameWidth } from './job-line.ts';
import { LiveRegion } from './live-region.ts';

/** How often a terminal is redrawn while jobs run, in milliseconds: fast enough to look alive, slow enough to cost nothing. */
const redrawEvery = 100;

/**
 * Shows a run while it goes on. A terminal sees finished jobs above and running ones below, redrawn in place; anything else gets one
 * line for each job that ends.
 */
export class RunView {
  readonly #terminal: Terminal;
  readonly #clock: Clock;
  readonly #region: LiveRegion;
  readonly #running = new Map<string, number>();
  #width = 8;
  #waiting = 0;
  #stopDrawing = new AbortController();
  #stopping = false;

  constructor(terminal: Terminal, clock: Clock) {
    this.#terminal = terminal;
    this.#clock = clock;
    this.#region = new LiveRegion(terminal);
  }

  readonly onEvent = (event: RunEvent): void => {
    switch (event.type) {
      case 'run.started':
        this.#width = nameWidth(event.jobs);
        this.#waiting = event.jobs.length;
        if (this.#terminal.live) void this.#drawUntilEnd();
        break;
      case 'run.waiting':
        this.#region.print([
          `  ${this.#terminal.symbol('waiting')} run ${event.for.runId} (pid ${event.for.pid}) works in this folder; waiting for it`,
        ]);
        break;
      case 'run.secret-not-masked':
        this.#region.print([`  ${this.#terminal.symbol('warning')} secret "${event.secret}" is too short to be hidden in logs`]);
        break;
      case 'run.leftovers-ended':
        this.#region.print([
          `  ${this.#terminal.symbol('warning')} ended ${count(event.processes, 'process')} that run ${event.runId} had left behind`,
        ]);
        break;
      case 'job.started':
        this.#running.set(event.job, this.#clock.monotonic());
        this.#waiting -= 1;
        break;
      case 'job.attempt-ended':
        if (event.retried) this.#warn(event.job, `attempt ${event.attempt} failed, trying again`);
        break;
      case 'job.cache-entry-dropped':
        this.#warn(event.job, `a damaged cache entry was dropped: ${event.because}`);
        break;
      case 'job.inputs-unmatched':
        this.#warn(event.job, `${event.patterns.map((pattern) => `"${pattern}"`).join(', ')} among its inputs: no such file`);
        break;
      case 'job.not-stored':
        this.#warn(event.job, `not cached: ${event.because}`);
        break;
      case 'job.over-budget':
        this.#warn(event.job, `took ${formatDuration(event.durationMs)}, its budget is ${formatDuration(event.budgetMs)}`);
        break;
      case 'job.leftovers-ended':
        this.#warn(event.job, `left ${count(event.processes, 'process')} running; ended`);
        break;
      case 'job.finished':
        if (!this.#running.delete(event.job)) this.#waiting -= 1;
        this.#region.print(
          [finishedLine(this.#terminal, event.job, event.result, this.#width), ...failureTail(this.#terminal, event.result)],
          () => this.#lines(),
        );
        break;
      case 'run.finished':
        this.#stopDrawing.abort();
        this.#region.draw([]);
        break;
      case 'job.cache-missed':
      case 'job.attempt-started':
      case 'job.output':
        break;
    }
  };

  /** Says that a stop was asked for and what it waits for. */
  stopping(): void {
    this.#stopping = true;
    this.#region.print([
      `  ${this.#terminal.symbol('warning')} stopping: waiting for ${count(this.#running.size, 'job')} to end; Ctrl-C again ends them at once`,
    ]);
  }

  #warn(job: string, text: string): void {
    this.#region.print([`  ${this.#terminal.symbol('warning')} ${pad(cut(job, this.#width), this.#width)}  ${text}`]);
  }

  async #drawUntilEnd(): Promise<void> {
    while (!this.#stopDrawing.signal.aborted) {
      if (this.#terminal.live) this.#region.draw(this.#lines());
      await this.#clock.sleep(redrawEvery, this.#stopDrawing.signal).catch(() => undefined);
    }
  }

  #lines(): readonly string[] {
    const now = this.#clock.monotonic();
    const running = [...this.#running].map(
      ([job, since]) => `  ${this.#terminal.symbol('running')} ${pad(cut(job, this.#width), this.#width)}  ${formatDuration(now - since)}`,
    );
    const waiting =
      this.#waiting > 0
        ? [`  ${this.#terminal.symbol('waiting')} ${count(this.#waiting, 'job')} ${this.#stopping ? 'will not start' : 'waiting'}`]
        : [];
    return [...running, ...waiting];
  }
}
