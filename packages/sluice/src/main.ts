import { runCli, Terminal } from '#cli';
import { makeWorld } from './world.ts';

/** Output that nobody reads any more (`sluice plan | head`) is no failure. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

/** How long what was asked twice to end may take to say where it stands. */
const lastWordsMs = 2_000;

const interrupt = new AbortController();
const force = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    const leave = (): never => process.exit(signal === 'SIGINT' ? 130 : 143);
    // The first asks the work to stop cleanly. A second one means now. After a third, or when that takes too long, its own guard ends whatever still runs.
    if (force.signal.aborted) leave();
    if (interrupt.signal.aborted) {
      setTimeout(leave, lastWordsMs).unref();
      force.abort(new Error(signal));
    } else interrupt.abort(new Error(signal));
  });
}

const terminal = new Terminal({ out: process.stdout, err: process.stderr }, process.env);
process.exitCode = await runCli(process.argv.slice(2), terminal, () =>
  makeWorld({ interrupt: interrupt.signal, force: force.signal, env: process.env }),
);
