import { runCli, Terminal } from '#cli';
import { makeWorld } from './world.ts';

/** Output that nobody reads any more (`sluice plan | head`) is no failure. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // The first asks the work to stop cleanly. A second one means it: whatever still runs is ended by its own guard.
    if (interrupt.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143);
    interrupt.abort(new Error(signal));
  });
}

const terminal = new Terminal({ out: process.stdout, err: process.stderr }, process.env);
process.exitCode = await runCli(process.argv.slice(2), terminal, () => makeWorld({ interrupt: interrupt.signal, env: process.env }));
