import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identifyProcess, isRunning, systemClock, type ProcessIdentity } from '#host';
import { parseVerifierKey, verifyLog, type Entry } from '#ledger';
import { embeddedRouter } from '#router-embedded';
import { ControlClient, readAddress, type StatusWire } from '#server';
import { ps } from '#target-local';
import { logReader } from '../src/log-reader.ts';
import { packageFolder, writeProject } from './fixtures/project.ts';

/** What a command line came to. */
export type Told = { readonly code: number | null; readonly out: string; readonly err: string };

/** A process of a control plane under test, with what it said. */
export type Serving = { readonly child: ChildProcess; readonly said: () => string; readonly tell: (line: string) => void };

type Environment = Readonly<Record<string, string>>;

/** A project folder with everything that a control plane ever starts for it; gone, and checked to be gone, at the end. */
export class Rig implements AsyncDisposable {
  readonly folder: string;
  readonly stateFolder: string;
  readonly #env: Environment;
  readonly #started: Serving[] = [];

  constructor(options: { readonly env?: Environment; readonly empty?: boolean } = {}) {
    this.folder = mkdtempSync(join(tmpdir(), 'sluice-e2e-'));
    this.stateFolder = join(this.folder, '.sluice');
    this.#env = { PATH: `${join(process.execPath, '..')}:${process.env['PATH'] ?? ''}`, HOME: this.folder, ...options.env };
    if (options.empty !== true) writeProject(this.folder);
  }

  /** Runs `sluice <args>` in the project to its end. */
  async sluice(...args: readonly string[]): Promise<Told> {
    const serving = this.#spawn([main, ...args]);
    let out = '';
    serving.child.stdout?.on('data', (part: Buffer) => (out += part.toString()));
    const [code] = (await once(serving.child, 'close')) as [number | null];
    return { code, out, err: serving.said() };
  }

  /** Starts `sluice serve`, as people do, and waits until it answers. */
  async serve(...args: readonly string[]): Promise<Serving> {
    return this.#answering(this.#spawn([main, 'serve', ...args]));
  }

  /** Starts a control plane whose driver the test can hold in a phase. */
  async steered(): Promise<Serving> {
    return this.#answering(this.#spawn([join(import.meta.dirname, 'fixtures', 'served-steered-main.ts'), this.stateFolder, this.folder]));
  }

  async client(): Promise<ControlClient> {
    return new ControlClient(await readAddress(this.stateFolder));
  }

  async status(): Promise<StatusWire> {
    const [status] = await (await this.client()).status({});
    if (status === undefined) throw new Error('nothing is deployed');
    return status;
  }

  get router(): ReturnType<typeof embeddedRouter> {
    return embeddedRouter({ stateFolder: this.stateFolder, clock: systemClock });
  }

  async ps(): Promise<Extract<Awaited<ReturnType<typeof ps>>, { ok: true }>['value']> {
    const listing = await ps(this.stateFolder);
    if (!listing.ok) throw new Error(listing.error.message);
    return listing.value;
  }

  /** The record as anybody reads it: from the exported files, verified with the public key alone. */
  record(): readonly Entry[] {
    const key = parseVerifierKey(readFileSync(join(this.stateFolder, 'ledger.vkey'), 'utf8'));
    if (!key.ok) throw key.error;
    const entries: Entry[] = [];
    const trust = { origin: key.value.name, keys: [key.value], earlier: [], anchor: { kind: 'optional' } } as const;
    const verified = verifyLog(logReader(join(this.stateFolder, 'ledger')), trust, (entry) => entries.push(entry));
    if (verified.kind !== 'ok') throw new Error(`the record: ${verified.kind}: ${verified.because}`);
    return entries;
  }

  /** The pid of the embedded database's postmaster. */
  async postmaster(): Promise<number> {
    const text = await readFile(join(this.stateFolder, 'postgres', 'pgdata', 'postmaster.pid'), 'utf8');
    return Number(text.split('\n')[0]);
  }

  /** Stops everything by `sluice down`, and fails when a process of the folder is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    const down = await this.sluice('down');
    for (const { child } of this.#started) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    const left = processesOf(this.folder);
    for (const { pid } of left) process.kill(pid, 'SIGKILL');
    spawnSync('chmod', ['-R', 'u+w', this.folder]);
    rmSync(this.folder, { recursive: true, force: true });
    if (down.code !== 0) throw new Error(`sluice down: exit ${down.code}: ${down.err}`);
    if (left.length > 0) throw new Error(`sluice down left: ${left.map(({ pid, command }) => `${pid} ${command}`).join('; ')}`);
  }

  #spawn(args: readonly string[]): Serving {
    const child = spawn(process.execPath, ['--conditions=@sluice/source', ...args], { cwd: this.folder, env: this.#env, stdio: 'pipe' });
    let said = '';
    child.stderr.on('data', (part: Buffer) => (said += part.toString()));
    child.stdin.on('error', () => undefined);
    const serving = { child, said: () => said, tell: (line: string) => void child.stdin.write(`${line}\n`) };
    this.#started.push(serving);
    return serving;
  }

  async #answering(serving: Serving): Promise<Serving> {
    let out = '';
    serving.child.stdout?.on('data', (part: Buffer) => (out += part.toString()));
    const all = { ...serving, said: () => `${out}${serving.said()}` };
    await until('the control plane answers', async () => {
      if (serving.child.exitCode !== null) throw new Gone(`it ended with ${serving.child.exitCode}: ${all.said()}`);
      return out.includes('control plane at');
    });
    return all;
  }
}

const main = join(packageFolder, 'src', 'main.ts');

/** Waiting on makes no sense any more. */
export class Gone extends Error {}

/** Looks every 20 ms until there is something other than false or undefined; a failing look is looked at again. */
export async function until<T>(what: string, look: () => Promise<T | undefined | false>, within = 60_000): Promise<T> {
  const deadline = systemClock.monotonic() + within;
  let last = '';
  for (;;) {
    try {
      const seen = await look();
      if (seen !== undefined && seen !== false) return seen;
      last = '';
    } catch (error) {
      if (error instanceof Gone) throw error;
      last = `: ${String(error)}`;
    }
    if (systemClock.monotonic() > deadline) throw new Error(`waited in vain until ${what}${last}`);
    await systemClock.sleep(20);
  }
}

/** Ends a process by SIGKILL and waits until it is gone. */
export async function kill(pid: number | undefined): Promise<void> {
  const identity: ProcessIdentity | undefined = pid === undefined ? undefined : identifyProcess(pid);
  if (identity === undefined) throw new Error(`there is no process ${pid} to kill`);
  process.kill(identity.pid, 'SIGKILL');
  await until(`process ${identity.pid} is gone`, async () => !isRunning(identity));
}

/** Every process that has the folder in its command line, its environment or as its working directory. */
export function processesOf(folder: string): readonly { readonly pid: number; readonly command: string; readonly environment: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .map((pid) => ({ pid: Number(pid), command: contentOf(`/proc/${pid}/cmdline`), environment: contentOf(`/proc/${pid}/environ`) }))
    .filter(({ command, environment }) => command.includes(folder) || environment.includes(folder));
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
