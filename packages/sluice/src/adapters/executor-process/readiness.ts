import { connect } from 'node:net';
import { assertNever } from '#kernel';
import type { PlannedJob } from '#run';

type Service = PlannedJob['services'][string];

/** How one sees that a service of a command is ready. */
export type Readiness = Extract<Service, { readonly kind: 'command' }>['ready'];

/** What a look needs from around it. */
export type Look = {
  /** What the service wrote so far. */
  readonly log: () => string;
  /** Runs a command in the service's environment; true when it succeeds. */
  readonly command: (step: PlannedJob['steps'][number]) => Promise<boolean>;
  readonly signal: AbortSignal;
};

const lookMs = 2_000; // one look that hangs must not use up the whole time

/** One look at a service. */
export function isReady(ready: Readiness, look: Look): Promise<boolean> {
  switch (ready.kind) {
    case 'port':
      return portAnswers(ready.port, look.signal);
    case 'url':
      return urlAnswers(ready.url, look.signal);
    case 'command':
      return look.command(ready.command);
    case 'log-line':
      return Promise.resolve(look.log().includes(ready.contains));
    default:
      return assertNever(ready);
  }
}

/** Whether somebody answers on a port of this machine. */
export function portAnswers(port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', signal, timeout: lookMs });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('timeout', () => settle(false));
    socket.once('error', () => settle(false));
  });
}

async function urlAnswers(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(lookMs)]), redirect: 'manual' });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
