import { deepFreeze, milliseconds, seconds, type Duration } from '#kernel';
import type { Readiness, Step } from './job.ts';

/** How long to look, and how often. */
export type Patience = { readonly timeout?: Duration; readonly interval?: Duration };

type Look = { readonly timeout: Duration; readonly interval: Duration };

const look = (patience: Patience): Look => ({
  timeout: patience.timeout ?? seconds(30),
  // Often enough that a service that starts fast costs the job nothing one would see.
  interval: patience.interval ?? milliseconds(25),
});

/** Ready when something accepts connections on this port of this machine. */
export const port = (port: number, patience: Patience = {}): Readiness => deepFreeze({ kind: 'port', port, ...look(patience) });

/** Ready when this address answers with a 2xx status. */
export const url = (url: string, patience: Patience = {}): Readiness => deepFreeze({ kind: 'url', url, ...look(patience) });

/** Ready when this command exits with 0. */
export const succeeds = (command: Step, patience: Patience = {}): Readiness => deepFreeze({ kind: 'command', command, ...look(patience) });

/** Ready when a line of its output holds this text. */
export const logLine = (contains: string, patience: Patience = {}): Readiness =>
  deepFreeze({ kind: 'log-line', contains, ...look(patience) });
