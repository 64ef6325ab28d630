/** The signals that ask a command to stop, with the exit code of one that did: 128 and the number of the signal, as a shell tells it. */
export const stopSignals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

export type StopSignal = keyof typeof stopSignals;

/** Why work was called off: somebody sent a signal. */
export class Interruption extends Error {
  override readonly name = 'Interruption';
  readonly signal: StopSignal;

  constructor(signal: StopSignal) {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }

  get exitCode(): number {
    return stopSignals[this.signal];
  }
}

/** The exit code of a command that was asked to stop; undefined when nobody asked. */
export const stopCode = ({ reason, aborted }: AbortSignal): number | undefined =>
  aborted ? (reason instanceof Interruption ? reason.exitCode : stopSignals.SIGINT) : undefined;

/** What comes of work, or the interruption as soon as there is one: for work that does not end by itself when it is asked to. */
export async function unlessStopped<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  work.catch(() => undefined); // whoever was called off fails unheard
  const stopped = new Promise<never>((_, reject) => {
    const stop = (): void => reject(signal.reason instanceof Error ? signal.reason : new Interruption('SIGINT'));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  return Promise.race([work, stopped]);
}
