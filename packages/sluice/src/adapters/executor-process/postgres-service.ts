import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isRunning } from '#host';
import { err, ok, type Result } from '#kernel';
import type { PlannedJob } from '#run';
import { startPostgres } from '#postgres-server';
import type { RunningService, ServiceRefusal, ServiceRequest } from './running-service.ts';
import { taskVariable } from './project-state.ts';
import type { TaskRunner } from './task-runner.ts';

type PostgresService = Extract<PlannedJob['services'][string], { readonly kind: 'postgres' }>;

const watchMs = 50; // a death is noticed within a blink; a look at one process costs microseconds

/** Starts a PostgreSQL that lives as long as the job: empty, without syncs, on a port of the loopback interface with a password of its own. */
export async function startPostgresService(
  runner: TaskRunner,
  { service, logFile, signal }: ServiceRequest<PostgresService>,
): Promise<Result<RunningService, ServiceRefusal>> {
  const { clock } = runner.options;
  const { task, temporary } = runner.open(logFile);
  const started = await startPostgres({
    dataFolder: join(temporary, 'postgres'),
    listen: { kind: 'loopback' },
    database: service.database,
    keep: 'throw-away',
    env: { [taskVariable]: task.name },
    timeoutMs: service.timeout,
    clock,
    signal,
  });
  const end = async (): Promise<void> => {
    await runner.end(task);
    runner.close(task, temporary);
  };
  if (!started.ok) {
    await end();
    if (signal.aborted) return err('cancelled');
    const { message, hint } = started.error;
    return err({ because: hint === undefined ? message : `${message}; ${hint}`, tail: '' });
  }
  const server = started.value;
  const stopping = new AbortController();
  const died = watch();
  runner.began(task, server.identity, died);
  async function watch(): Promise<{ readonly because: string; readonly tail: string }> {
    while (isRunning(server.identity)) await clock.sleep(watchMs, stopping.signal);
    const log = await readFile(server.logFile, 'utf8').catch(() => '');
    return { because: 'PostgreSQL ended', tail: log.slice(-4_096) };
  }
  return ok({
    env: { [service.env]: server.url },
    // A watch that was called off never tells.
    died: died.catch(() => new Promise<never>(() => undefined)),
    stop: async () => {
      stopping.abort();
      await server.stop();
      await end();
    },
  });
}
