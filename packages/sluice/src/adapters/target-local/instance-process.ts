import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Clock } from '#kernel';
import type { SlotOrder } from '#rollout';
import { identifyProcess, isRunning, type ProcessIdentity } from '#host';

/** A process of an instance. `exited` resolves with how it ended, in words. */
export type InstanceProcess = { readonly identity: ProcessIdentity | undefined; readonly exited: Promise<string> };

/** How an instance is started; `env` is all that it gets. */
export type SpawnOptions = {
  readonly program: string;
  readonly argv: SlotOrder['start'];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
};

/** An adopted process sends us no exit event, so it is looked at this often: a dead instance must leave the router within 50 ms. */
const POLL_MS = 20;

/** Starts a process in a session of its own. Its output goes straight to the file, so it outlives the agent. */
export async function spawnInstance(options: SpawnOptions): Promise<InstanceProcess> {
  const log = openSync(options.logFile, 'a', 0o600);
  try {
    const [argv0, ...args] = options.argv;
    const child = spawn(options.program, args, {
      argv0,
      cwd: options.cwd,
      env: { ...options.env },
      detached: true,
      stdio: ['ignore', log, log],
    });
    const exited = new Promise<string>((resolve) => {
      child.once('exit', (code, signal) => resolve(signal === null ? `exited with code ${code ?? '?'}` : `ended by ${signal}`));
      child.once('error', (error: NodeJS.ErrnoException) => resolve(`could not be started: ${error.code ?? error.message}`));
    });
    return { identity: child.pid === undefined ? undefined : identifyProcess(child.pid), exited };
  } finally {
    closeSync(log);
  }
}

/** Takes over a process that an earlier agent started. */
export function adoptProcess(identity: ProcessIdentity, clock: Clock): InstanceProcess {
  return { identity, exited: untilGone(identity, clock).then(() => 'exited (started by an earlier agent: its exit code is not known)') };
}

/** Resolves when exactly that process runs no more, or when the signal aborts. */
export async function untilGone(identity: ProcessIdentity, clock: Clock, signal?: AbortSignal): Promise<void> {
  while (isRunning(identity)) {
    if (signal?.aborted === true) return;
    await clock.sleep(POLL_MS, signal).catch(() => undefined);
  }
}

/** What a log says last, in one line: its last line that names an error, else its last line. */
export async function lastWords(logFile: string, secrets: readonly string[]): Promise<string> {
  const lines = (await tail(logFile, 4_096)).split('\n').map((line) => line.trim());
  const spoken = lines.filter((line) => line !== '' && !line.startsWith('at ') && !line.startsWith('Node.js v'));
  const telling = spoken.findLast((line) => /error|fatal|panic|refused/i.test(line)) ?? spoken.at(-1) ?? '';
  // A note travels into reports and the ledger, where no secret may be (I11).
  return secrets
    .filter((secret) => secret.length > 0)
    .reduce((text, secret) => text.replaceAll(secret, '***'), telling)
    .slice(0, 240);
}

async function tail(path: string, bytes: number): Promise<string> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const from = Math.max(0, size - bytes);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, from);
    return buffer.toString('utf8', 0, bytesRead);
  } catch {
    return '';
  }
}
