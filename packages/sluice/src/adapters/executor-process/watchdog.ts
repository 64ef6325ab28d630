import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { ownCommand, siblingModule } from '#host';

/**
 * Sees to it that jobs die with the runner, also when that is killed with SIGKILL: a shell that waits at the end of a pipe. A runner that ends
 * says so; a pipe that just closes means that it died, and then the shell becomes a Node process that ends what is left. Until then it costs
 * one small process, in a session of its own, so that Ctrl-C in the terminal does not reach it. `name`: of the run's page in the book.
 */
export function startWatchdog(name: string): { readonly pid: number | undefined; dismiss(): void } {
  const { command, args } = ownCommand(siblingModule(import.meta.url, './watchdog-main'), [name]);
  const script = `trap '' INT TERM HUP; while read -r word; do [ "$word" = done ] && exit 0; done; exec "$@"`;
  const child = spawn('/bin/sh', ['-c', script, 'sluice-watchdog', command, ...args], {
    cwd: '/',
    // It looks for what we wrote down where we wrote it.
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', TMPDIR: tmpdir() },
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  child.on('error', () => undefined); // without a shell nothing runs anyway
  child.stdin.on('error', () => undefined); // it was killed: the next start looks for leftovers
  child.unref();
  if ('unref' in child.stdin && typeof child.stdin.unref === 'function') child.stdin.unref();
  return { pid: child.pid, dismiss: () => child.stdin.end('done\n') };
}
