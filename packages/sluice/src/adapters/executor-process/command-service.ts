import { assertNever, err, ok, type Clock, type Result } from '#kernel';
import type { PlannedJob } from '#run';
import { jobEnvironment } from './job-environment.ts';
import { JobLog } from './job-log.ts';
import { openPlace } from './place.ts';
import type { RunningService, ServiceRefusal, ServiceRequest } from './running-service.ts';
import { isReady, portAnswers } from './readiness.ts';
import type { StepEnd } from './step-process.ts';
import type { TaskRunner } from './task-runner.ts';

type CommandService = Extract<PlannedJob['services'][string], { readonly kind: 'command' }>;

/** Starts a command and waits until it is ready. One that ends while it is awaited fails at once, with the end of its log. */
export async function startCommandService(
  runner: TaskRunner,
  { job, service, logFile, env: given, signal }: ServiceRequest<CommandService>,
): Promise<Result<RunningService, ServiceRefusal>> {
  const { clock } = runner.options;
  // A stranger who answers on the port would be taken for the service, and the tests would judge the stranger.
  if (service.ready.kind === 'port' && (await portAnswers(service.ready.port, signal))) {
    return err({ because: `port ${service.ready.port} is in use already, by a process that is not of this job`, tail: '' });
  }
  const log = new JobLog(logFile, { mask: runner.mask(), spares: runner.spares });
  const place = openPlace(runner, job, logFile);
  const env = { ...jobEnvironment({ job, serviceEnv: given, secrets: {} }, place.surroundings), ...service.env };
  // Through a pipe even without secrets: a log that lies in memory as well is read for a line without reading the file again and again.
  let seen = '';
  const watched = service.ready.kind === 'log-line' ? service.ready.contains : undefined;
  const onOutput = (bytes: Buffer): void => {
    log.write(bytes);
    if (watched !== undefined && !seen.includes(watched)) seen = (seen + bytes.toString('latin1')).slice(-1_000_000);
  };
  const child = place.start({ step: service.command, env, log: log.fd, onOutput });
  let ended: StepEnd | undefined;
  const gone = new AbortController();
  const over = child.ended.then((end) => {
    ended = end;
    gone.abort();
    return end;
  });
  const stop = async (): Promise<void> => {
    await place.end();
    await child.drained();
    log.flush();
    place.close();
    log[Symbol.dispose]();
  };
  const refuse = async (because: string): Promise<Result<never, ServiceRefusal>> => {
    await place.end();
    await child.drained();
    log.flush();
    const tail = log.tail();
    place.close();
    log[Symbol.dispose]();
    return err({ because, tail });
  };
  const look = {
    log: () => Buffer.from(seen, 'latin1').toString(),
    command: async (step: PlannedJob['steps'][number]) => {
      const end = await place.start({ step, env, log: log.fd }).ended;
      return end.kind === 'exited' && end.code === 0;
    },
    signal: AbortSignal.any([signal, gone.signal]),
  };
  const deadline = clock.monotonic() + service.ready.timeout;
  for (;;) {
    const ready = await within(deadline - clock.monotonic(), isReady(service.ready, look), { clock, signal: look.signal });
    if (ended !== undefined) return refuse(describe(ended));
    if (signal.aborted) {
      await stop();
      return err('cancelled');
    }
    if (ready) break;
    if (clock.monotonic() >= deadline) return refuse(`not ready within ${service.ready.timeout} ms`);
    await clock.sleep(service.ready.interval, look.signal).catch(() => undefined); // it ended, or the run did: seen above
  }
  const died = over.then(async (end) => {
    await clock.sleep(0);
    return { because: describe(end), tail: log.lost ?? safeTail(log) };
  });
  return ok({ env: {}, died, stop });
}

/** The answer of a look, or that it is not ready: a command that looks and does not end is ended with the service, in time and when it is asked for. */
async function within(
  ms: number,
  look: Promise<boolean>,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<boolean> {
  const seen = new AbortController();
  const late = clock.sleep(Math.max(0, ms), AbortSignal.any([signal, seen.signal])).then(
    () => false,
    () => false,
  );
  try {
    return await Promise.race([look, late]);
  } finally {
    seen.abort();
  }
}

/** The log may be closed already when a service that was stopped tells of its end; nobody listens then. */
function safeTail(log: JobLog): string {
  try {
    return log.tail();
  } catch {
    return '';
  }
}

function describe(end: StepEnd): string {
  switch (end.kind) {
    case 'exited':
      return `it ended with exit code ${end.code}`;
    case 'signalled':
      return `it was ended by ${end.signal}`;
    case 'not-started':
      return end.because;
    default:
      return assertNever(end);
  }
}
