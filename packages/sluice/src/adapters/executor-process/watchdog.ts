import { spawn } from 'node:child_process';
import { ownCommand, siblingModule } from '#host';
import type { DeadRun } from './leftovers.ts';

/**
 * Sees to it that jobs die with the runner, also when that is killed with SIGKILL: a shell that waits at the end of a pipe. A runner that ends
 * says so; a pipe that just closes means that it died, and then the shell becomes a Node process that ends what is left. Until then it costs
 * one small process, in a session of its own, so that Ctrl-C in the terminal does not reach it.
 */
export function startWatchdog(run: DeadRun): { readonly pid: number | undefined; dismiss(): void } {
  const { command, args } = ownCommand(siblingModule(import.meta.url, './watchdog-main'), [run.runId, run.folder, run.scratch]);
  const script = `trap '' INT TERM HUP; while read -r word; do [ "$word" = done ] && exit 0; done; exec "$@"`;
  const child = spawn('/bin/sh', ['-c', script, 'sluice-watchdog', command, ...args], {
    cwd: '/',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  child.on('error', () => undefined); // without a shell nothing runs anyway
  child.stdin.on('error', () => undefined); // it was killed: the next start looks for leftovers
  child.unref();
  if ('unref' in child.stdin && typeof child.stdin.unref === 'function') child.stdin.unref();
  return { pid: child.pid, dismiss: () => child.stdin.end('done\n') };
}
