import { Interruption, stopSignals, type StopSignal } from '#cli';

/** How long what was asked twice to end may take to say where it stands. */
const lastWordsMs = 2_000;

/**
 * The signals that a person or a service manager sends. Until somebody asks for them they do what they do to any program: while there is nothing to be
 * tidied up, a definition that never ends, say, must not keep Ctrl-C from working. The first asks the work to stop cleanly, a second one means now;
 * after a third, or when that takes too long, its own guard ends whatever still runs.
 */
export class Interrupts {
  readonly #interrupt = new AbortController();
  readonly #force = new AbortController();
  #isListening = false;

  get interrupt(): AbortSignal {
    this.#listen();
    return this.#interrupt.signal;
  }

  get force(): AbortSignal {
    this.#listen();
    return this.#force.signal;
  }

  /** What was asked for so far; asking for it changes nothing. */
  get asked(): AbortSignal {
    return this.#interrupt.signal;
  }

  #listen(): void {
    if (this.#isListening) return;
    this.#isListening = true;
    for (const signal of Object.keys(stopSignals) as StopSignal[]) process.on(signal, () => this.#on(signal));
  }

  #on(signal: StopSignal): void {
    const leave = (): never => process.exit(stopSignals[signal]);
    if (this.#force.signal.aborted) leave();
    if (this.#interrupt.signal.aborted) {
      setTimeout(leave, lastWordsMs).unref();
      this.#force.abort(new Interruption(signal));
    } else this.#interrupt.abort(new Interruption(signal));
  }
}
