import { spawn } from 'node:child_process';
import { openSync, closeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { identifyOwnChild, type ProcessIdentity } from './process-identity.ts';

/** Command and arguments that run one of our own modules in a Node process, from source or as published. */
export function ownCommand(
  moduleUrl: string,
  args: readonly string[] = [],
): { readonly command: string; readonly args: readonly string[] } {
  const fromSource = moduleUrl.endsWith('.ts');
  return { command: process.execPath, args: [...(fromSource ? ['--conditions=@sluice/source'] : []), fileURLToPath(moduleUrl), ...args] };
}

/** The URL of a module beside `importMetaUrl`, with the extension that this build has. */
export const siblingModule = (importMetaUrl: string, name: string): string =>
  new URL(`${name}${importMetaUrl.endsWith('.ts') ? '.ts' : '.js'}`, importMetaUrl).href;

export type DetachedOptions = {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Standard output and error are appended here. */
  readonly logFile: string;
};

/**
 * Starts a process in its own session, that outlives this one and holds none of its files. Undefined when it could not be started;
 * one that was started and has ended since is known all the same.
 */
export async function spawnDetached(options: DetachedOptions): Promise<ProcessIdentity | undefined> {
  const log = openSync(options.logFile, 'a', 0o600);
  try {
    const child = spawn(options.command, options.args, {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: ['ignore', log, log],
    });
    // Read before the event loop turns: until then even a child that is done already has not been waited for, so its pid is no other's.
    const identity = child.pid === undefined ? undefined : identifyOwnChild(child.pid);
    await new Promise<void>((resolve) => {
      child.once('spawn', resolve);
      child.once('error', () => resolve());
    });
    child.unref();
    return identity;
  } finally {
    closeSync(log);
  }
}
