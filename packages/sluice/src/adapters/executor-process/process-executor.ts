import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { AttemptEnd, AttemptReport, AttemptRequest, Executor } from '#run';
import { jobEnvironment } from './job-environment.ts';
import { JobLog } from './job-log.ts';
import type { Task } from './task.ts';
import { startStep } from './step-process.ts';
import type { TaskRunner } from './task-runner.ts';

/** Runs jobs as processes of this machine. When an attempt settles, every process it started is gone (I13). */
export class ProcessExecutor implements Executor {
  readonly #runner: TaskRunner;

  constructor(runner: TaskRunner) {
    this.#runner = runner;
  }

  async attempt(request: AttemptRequest, signal: AbortSignal): Promise<AttemptReport> {
    const { clock } = this.#runner.options;
    using log = new JobLog(request.logFile, { mask: this.#runner.mask(), onOutput: request.onOutput, spares: this.#runner.spares });
    const { task, temporary } = this.#runner.open(request.logFile);
    const stop = new AbortController();
    const over = new AbortController();
    const onAbort = (): void => stop.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    let timedOut = false;
    void clock.sleep(request.job.timeout, over.signal).then(
      () => {
        timedOut = true;
        stop.abort();
      },
      () => undefined, // the attempt ended first
    );
    try {
      const ended = signal.aborted
        ? ({ kind: 'cancelled' } as const)
        : await this.#steps(request, { task, temporary, log, stop: stop.signal });
      const leftovers = await this.#runner.end(task);
      return { end: this.#judge(ended, { timedOut, request, log }), leftovers: stop.signal.aborted ? 0 : leftovers };
    } finally {
      signal.removeEventListener('abort', onAbort);
      over.abort();
      this.#runner.close(task, temporary);
    }
  }

  missing(paths: readonly string[]): readonly string[] {
    return paths.filter((path) => lstatSync(join(this.#runner.options.project, path), { throwIfNoEntry: false }) === undefined);
  }

  async #steps(request: AttemptRequest, { task, temporary, log, stop }: Surroundings): Promise<Ended> {
    const { project, path } = this.#runner.options;
    const env = jobEnvironment(request, { path, home: this.#runner.home, temporary, task: task.name });
    const piped = this.#runner.patterns !== undefined || request.onOutput !== undefined;
    let ending: Promise<number> | undefined;
    const end = (): void => {
      ending ??= this.#runner.end(task);
    };
    stop.addEventListener('abort', end, { once: true });
    try {
      for (const [index, step] of request.job.steps.entries()) {
        if (stop.aborted) return { kind: 'stopped', step: index + 1 };
        const running = startStep({ step, cwd: project, env, log: log.fd, ...(piped ? { onOutput: (bytes) => log.write(bytes) } : {}) });
        if (running.identity !== undefined) this.#runner.began(task, running.identity, running.ended);
        const ended = await running.ended;
        await ending;
        const last = index === request.job.steps.length - 1;
        const good = ended.kind === 'exited' && ended.code === 0;
        if (piped && (last || !good || stop.aborted)) {
          await this.#runner.end(task); // what runs in the background may hold the pipe open for ever
          await running.drained();
        }
        if (stop.aborted) return { kind: 'stopped', step: index + 1 };
        if (!good) return { kind: 'ended', step: index + 1, how: ended };
      }
      return { kind: 'ended', step: request.job.steps.length, how: { kind: 'exited', code: 0 } };
    } finally {
      stop.removeEventListener('abort', end);
      log.flush();
    }
  }

  #judge(
    ended: Ended,
    { timedOut, request, log }: { readonly timedOut: boolean; readonly request: AttemptRequest; readonly log: JobLog },
  ): AttemptEnd {
    if (ended.kind === 'cancelled') return ended;
    const failed = (failure: Extract<AttemptEnd, { readonly kind: 'failed' }>['failure']): AttemptEnd => ({
      kind: 'failed',
      failure,
      tail: log.tail(),
    });
    const { step } = ended;
    if (ended.kind === 'stopped') {
      return timedOut ? failed({ kind: 'timeout', afterMs: request.job.timeout, step }) : { kind: 'cancelled' };
    }
    const { how } = ended;
    if (how.kind === 'not-started') return failed(how);
    if (how.kind === 'signalled') return failed({ kind: 'signal', signal: how.signal, step });
    if (how.code !== 0) return failed({ kind: 'exit-code', code: how.code, step });
    return log.lost === undefined ? { kind: 'succeeded' } : failed({ kind: 'log-lost', because: log.lost });
  }
}

type Surroundings = { readonly task: Task; readonly temporary: string; readonly log: JobLog; readonly stop: AbortSignal };

type Ended =
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'stopped'; readonly step: number }
  | { readonly kind: 'ended'; readonly step: number; readonly how: Awaited<ReturnType<typeof startStep>['ended']> };
