import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync } from 'node:fs';
import type { World } from '../world.ts';

/** Runs commands of this very program in the demo's repository, as a person would. */
export class SluiceProcess {
  readonly #world: World;
  readonly #cwd: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(world: World, cwd: string, compileCache: string) {
    this.#world = world;
    this.#cwd = cwd;
    // A state folder or database of the surroundings must not become the demo's.
    const {
      SLUICE_STATE: _state,
      DATABASE_URL: _database,
      SLUICE_IDENTITY: _identity,
      SLUICE_TOKEN: _token,
      SLUICE_URL: _url,
      ...env
    } = world.env;
    // Two dozen processes load the same modules: compiled once, each starts in half the time.
    this.#env = { ...env, NODE_COMPILE_CACHE: compileCache };
  }

  /** Starts a command whose output a person sees at once; answers with its exit code. `identityFile` is that of whoever types it. */
  async run(identityFile: string, ...args: readonly string[]): Promise<number> {
    return exitOf(this.start(identityFile, ...args));
  }

  start(identityFile: string, ...args: readonly string[]): ChildProcess {
    const { command, args: own } = this.#world.self;
    const env = { ...this.#env, SLUICE_IDENTITY: identityFile };
    return spawn(command, [...own, ...args], { cwd: this.#cwd, env, stdio: ['ignore', 'inherit', 'inherit'] });
  }

  /** Runs a command for its output alone. */
  async read(...args: readonly string[]): Promise<{ readonly code: number; readonly output: string }> {
    const { command, args: own } = this.#world.self;
    const child = spawn(command, [...own, ...args], { cwd: this.#cwd, env: this.#env, stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    const code = await exitOf(child);
    return { code, output: Buffer.concat(chunks).toString('utf8') };
  }

  /** Starts a command in the background, in a session of its own: Ctrl-C is for the demo, which decides what ends when. Its output goes into a file. */
  background(logFile: string, ...args: readonly string[]): ChildProcess {
    const { command, args: own } = this.#world.self;
    const log = openSync(logFile, 'a', 0o600);
    try {
      return spawn(command, [...own, ...args], { cwd: this.#cwd, env: this.#env, stdio: ['ignore', log, log], detached: true });
    } finally {
      closeSync(log);
    }
  }
}

/** How a process ended; one that a signal ended counts as 128. */
export async function exitOf(child: ChildProcess): Promise<number> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode ?? 128;
}
