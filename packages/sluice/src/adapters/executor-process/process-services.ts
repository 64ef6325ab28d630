import { err, ok, type Result } from '#kernel';
import type { Failure, PlannedJob, RunningServices, ServiceProvider } from '#run';
import { startCommandService } from './command-service.ts';
import type { RunningService } from './running-service.ts';
import type { TaskRunner } from './task-runner.ts';

/** Runs the services of a job as processes of this machine, one after the other, so that a later one may use an earlier one. */
export class ProcessServiceProvider implements ServiceProvider {
  readonly #runner: TaskRunner;

  constructor(runner: TaskRunner) {
    this.#runner = runner;
  }

  async start(
    job: PlannedJob,
    logFile: (service: string) => string,
    signal: AbortSignal,
  ): Promise<Result<RunningServices, Failure | 'cancelled'>> {
    const running: { readonly name: string; readonly service: RunningService }[] = [];
    const stop = async (): Promise<void> => {
      for (const { service } of running.toReversed()) await service.stop();
    };
    let env: Readonly<Record<string, string>> = {};
    for (const [name, service] of Object.entries(job.services)) {
      const request = { name, job, logFile: logFile(name), env, signal };
      const started =
        service.kind === 'postgres'
          ? // Few jobs want a database, and its client takes longer to load than a small run.
            await (await import('./postgres-service.ts')).startPostgresService(this.#runner, { ...request, service })
          : await startCommandService(this.#runner, { ...request, service });
      if (!started.ok) {
        await stop();
        return err(started.error === 'cancelled' ? 'cancelled' : { kind: 'service-not-ready', service: name, ...started.error });
      }
      running.push({ name, service: started.value });
      env = { ...env, ...started.value.env };
    }
    const died = Promise.race(
      running.map(async ({ name, service }) => ({ kind: 'service-died' as const, service: name, ...(await service.died) })),
    );
    return ok({ env, died, stop });
  }
}
