import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { AttemptEnd, AttemptReport, AttemptRequest, Executor } from '#run';
import { jobEnvironment } from './job-environment.ts';
import { JobLog } from './job-log.ts';
import { stepEnd } from './confined-process.ts';
import { stepWords } from './confined-script.ts';
import { confinedPlace, looselyPlaced, type Place } from './place.ts';
import type { StepEnd } from './step-process.ts';
import type { TaskRunner } from './task-runner.ts';

/** Runs jobs as processes of this machine. When an attempt settles, every process it started is gone (I13). */
export class ProcessExecutor implements Executor {
  readonly #runner: TaskRunner;

  constructor(runner: TaskRunner) {
    this.#runner = runner;
  }

  async attempt(request: AttemptRequest, signal: AbortSignal): Promise<AttemptReport> {
    const { clock, sandbox } = this.#runner.options;
    using log = new JobLog(request.logFile, { mask: this.#runner.mask(), onOutput: request.onOutput, spares: this.#runner.spares });
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
      if (signal.aborted) return { end: { kind: 'cancelled' }, leftovers: 0 };
      const surroundings = { log, stop: stop.signal };
      const { ended, leftovers } = await (sandbox.isolation === 'none'
        ? this.#loose(request, surroundings)
        : this.#confined(request, surroundings));
      return { end: this.#judge(ended, { timedOut, request, log }), leftovers: stop.signal.aborted ? 0 : leftovers };
    } finally {
      signal.removeEventListener('abort', onAbort);
      over.abort();
    }
  }

  missing(paths: readonly string[]): readonly string[] {
    return paths.filter((path) => lstatSync(join(this.#runner.options.project, path), { throwIfNoEntry: false }) === undefined);
  }

  async #loose(request: AttemptRequest, surroundings: Surroundings): Promise<Outcome> {
    const place = looselyPlaced(this.#runner, request.logFile);
    try {
      const ended = await this.#steps(request, place, surroundings);
      return { ended, leftovers: await place.end() };
    } finally {
      place.close();
    }
  }

  async #steps(request: AttemptRequest, place: Place, { log, stop }: Surroundings): Promise<Ended> {
    const env = jobEnvironment(request, place.surroundings);
    const piped = this.#isPiped(request);
    let ending: Promise<number> | undefined;
    const end = (): void => {
      ending ??= place.end();
      ending.catch(() => undefined); // awaited below, where it fails the attempt
    };
    stop.addEventListener('abort', end, { once: true });
    try {
      for (const [index, step] of request.job.steps.entries()) {
        if (stop.aborted) return { kind: 'stopped', step: index + 1 };
        const running = place.start({ step, env, log: log.fd, ...(piped ? { onOutput: (bytes) => log.write(bytes) } : {}) });
        const ended = await running.ended;
        await ending;
        const last = index === request.job.steps.length - 1;
        const good = ended.kind === 'exited' && ended.code === 0;
        if (piped && (last || !good || stop.aborted)) {
          await place.end(); // what runs in the background may hold the pipe open for ever
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

  /** All steps in one sandbox, so that what one leaves in the background serves the next. */
  async #confined(request: AttemptRequest, { log, stop }: Surroundings): Promise<Outcome> {
    const { steps } = request.job;
    const place = confinedPlace(this.#runner, request.job);
    const env = jobEnvironment(request, place.surroundings);
    const onOutput = this.#isPiped(request) ? { onOutput: (bytes: Buffer) => log.write(bytes) } : {};
    const running = place.startAll({ steps, env, log: log.fd, ...onOutput });
    const call = (): void => running.stop();
    stop.addEventListener('abort', call, { once: true });
    if (stop.aborted) call();
    try {
      const end = await running.ended;
      log.flush();
      if (end.kind === 'not-started') return { ended: { kind: 'ended', step: 1, how: end }, leftovers: 0 };
      const { codes, left } = end.result;
      const bad = codes.findIndex((code) => code !== 0);
      const step = Math.min(bad === -1 ? codes.length + 1 : bad + 1, steps.length);
      if (stop.aborted) return { ended: { kind: 'stopped', step }, leftovers: 0 };
      return { ended: { kind: 'ended', step, how: stepEnd(end, step, stepWords(steps[step - 1] ?? '')[0]) }, leftovers: left };
    } finally {
      stop.removeEventListener('abort', call);
      place.close();
    }
  }

  /** With something to hide or to show at once, output comes to us first. */
  #isPiped(request: AttemptRequest): boolean {
    return this.#runner.patterns !== undefined || request.onOutput !== undefined;
  }

  #judge(
    ended: Ended,
    { timedOut, request, log }: { readonly timedOut: boolean; readonly request: AttemptRequest; readonly log: JobLog },
  ): AttemptEnd {
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

type Surroundings = { readonly log: JobLog; readonly stop: AbortSignal };

type Outcome = { readonly ended: Ended; readonly leftovers: number };

type Ended = { readonly kind: 'stopped'; readonly step: number } | { readonly kind: 'ended'; readonly step: number; readonly how: StepEnd };
