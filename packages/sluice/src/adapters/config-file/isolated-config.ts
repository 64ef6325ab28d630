import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { ownCommand, siblingModule } from '#host';
import {
  err,
  fromWireError,
  isErrorCode,
  ok,
  seconds,
  SluiceError,
  type ConfinedStart,
  type Confinement,
  type Duration,
  type Mount,
  type Result,
  type Sandbox,
} from '#kernel';
import { openSandbox } from '#sandbox';
import { answerFd, type ChildAnswer } from './child-answer.ts';
import type { LoadedConfig } from './config-module.ts';
import { configIn, type ConfigPlace } from './config-place.ts';

/** How long a configuration may take to be read. Real ones take a tenth of a second; one that waits for something is no definition. */
const usualLimit = seconds(20);
/** A definition of a thousand jobs has about one megabyte. */
const mostBytes = 16 * 1024 * 1024;

/** Enough for any definition, and too little to push the programs beside it out of memory. */
const memory = '--max-old-space-size=256';

/** Node itself takes a part of it, and a dozen threads. Nothing is to be kept on disk. */
const limits: Confinement['limits'] = { memoryBytes: 640 * 1024 * 1024, processes: 64, scratchBytes: 16 * 1024 * 1024 };

/** The answer comes on a descriptor of its own, because a configuration may print; only the first three come through the walls. */
const apart = `unset PWD OLDPWD SHLVL; exec ${answerFd}>&1 >/dev/null; exec "$@"`;

/** What a reading in a child process may be told. */
export type IsolationOptions = {
  readonly limit?: Duration;
  /** Its `PATH`, the one variable it sees. */
  readonly path?: string;
  /** What it may read besides Sluice; the folder of the configuration unless told, the whole repository where it shares code. */
  readonly root?: string;
  /** In which it runs; the best of this machine unless told. */
  readonly sandbox?: Sandbox;
};

/**
 * Reads the configuration of a folder in a process of its own, which ends with it: it sees no environment but PATH, no memory of ours, reads only the project, has no network,
 * bounded memory, time and processes, and may neither write files nor start programs. For commits of other people.
 */
export async function loadConfigIsolated(
  folder: string,
  { limit = usualLimit, path = '/usr/bin:/bin', root = folder, sandbox }: IsolationOptions = {},
): Promise<Result<LoadedConfig, SluiceError>> {
  const place = configIn(folder);
  if (!place.ok) return place;
  const start = reading({ place: place.value, root, path, sandbox: sandbox ?? (await openSandbox({ path, home: homedir() })) });
  if (!start.ok) return start;
  const { command, args, cwd, env } = start.value;
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: limit, killSignal: 'SIGKILL' });
  const ended = new Promise<Ending>((done) => {
    child.once('error', (error) => done({ kind: 'not-started', why: error.message }));
    child.once('close', (code, signal) => done({ kind: 'ended', code, killed: child.killed, signal }));
  });
  const kill = (): void => void child.kill('SIGKILL');
  const [answer, complaint, ending] = await Promise.all([
    read(child.stdout, { limit: mostBytes, beyond: kill }),
    read(child.stderr, { limit: 65_536, beyond: () => {} }),
    ended,
  ]);
  const parsed = parse(answer, place.value);
  return parsed ?? err(failureOf(ending, { complaint: complaint.toString(), size: answer.length, place: place.value, limit }));
}

type Reading = { readonly place: ConfigPlace; readonly root: string; readonly path: string; readonly sandbox: Sandbox };

/** How the process is started. Inside, project and Sluice lie where no machine has anything. */
function reading({ place, root, path, sandbox }: Reading): Result<ConfinedStart, SluiceError> {
  const project = realpathSync(resolve(root));
  const own = realpathSync(resolve(dirname(fileURLToPath(import.meta.url)), '../../..'));
  const mounts: readonly Mount[] = [
    { from: project, to: '/checkout', access: 'read' },
    { from: own, to: '/sluice-itself', access: 'read' },
  ];
  const seen = (of: string): string => sandbox.seenAt(mounts, realpathSync(of)) ?? of;
  const module = siblingModule(import.meta.url, './config-main');
  const folder = sandbox.isolation === 'none' ? place.folder : seen(place.folder);
  const { command, args } = ownCommand(module, [folder]);
  const words = args.map((each) => (each === fileURLToPath(module) && sandbox.isolation !== 'none' ? seen(each) : each));
  const readable =
    sandbox.isolation === 'none'
      ? [...new Set([place.folder, resolve(root), ...withPackages([place.folder, project, own])])]
      : mounts.map(({ to }) => to);
  const permissions = ['--permission', ...readable.map((each) => `--allow-fs-read=${each}`)];
  return sandbox.confine(
    { command: '/bin/sh', args: ['-c', apart, 'sh', command, memory, ...permissions, ...words], cwd: folder, env: { PATH: path } },
    { mounts, network: 'none', limits },
  );
}

/** Without walls a project finds packages in the folders above it, as Node looks for them; Node refuses everything that is not named. */
function withPackages(folders: readonly string[]): readonly string[] {
  const readable = folders.map((each) => realpathSync(each));
  const packages = readable.flatMap(ancestors).map((each) => join(each, 'node_modules'));
  return [...readable, ...packages.filter((each) => existsSync(each))];
}

function ancestors(folder: string): readonly string[] {
  const above = dirname(folder);
  return above === folder ? [folder] : [folder, ...ancestors(above)];
}

type Ending =
  | { readonly kind: 'not-started'; readonly why: string }
  | { readonly kind: 'ended'; readonly code: number | null; readonly killed: boolean; readonly signal: NodeJS.Signals | null };

type Bound = { readonly limit: number; readonly beyond: () => void };

async function read(stream: Readable, { limit, beyond }: Bound): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      // Read on to the end: a writer that nobody reads would wait for ever.
      if (size <= limit) chunks.push(chunk);
      size += chunk.length;
      if (size > limit) beyond();
    }
  } catch {
    // The pipe broke because the process did not start or was killed; how it ended says why.
  }
  return Buffer.concat(chunks);
}

/** Whatever the child says was chosen by the configuration: undefined when it is no answer. */
function parse(bytes: Buffer, place: ConfigPlace): Result<LoadedConfig, SluiceError> | undefined {
  if (bytes.length > mostBytes) return undefined;
  let answer: ChildAnswer;
  try {
    answer = JSON.parse(bytes.toString()) as ChildAnswer;
  } catch {
    return undefined;
  }
  if (typeof answer !== 'object' || answer === null) return undefined;
  if (answer.kind === 'loaded') return ok({ ...place, delivery: answer.config?.delivery });
  if (answer.kind !== 'refused' || typeof answer.error?.message !== 'string' || !isErrorCode(answer.error.code)) return undefined;
  return err(fromWireError(answer.error));
}

type Silence = { readonly complaint: string; readonly size: number; readonly place: ConfigPlace; readonly limit: Duration };

function failureOf(ending: Ending, { complaint, size, place: { configFile }, limit }: Silence): SluiceError {
  if (ending.kind === 'not-started') return new SluiceError('internal', `${configFile}: no process to read it in: ${ending.why}`);
  if (size > mostBytes) return new SluiceError('config', `${configFile}: more than ${mostBytes / 1024 / 1024} MiB are no definition`);
  if (ending.killed) {
    const hint = 'a configuration is data: it waits for nothing';
    return new SluiceError('config', `${configFile}: not read within ${limit / 1_000} s`, { hint });
  }
  if (ending.code === 13) return new SluiceError('config', `${configFile}: waits for a promise that never settles`);
  const said =
    complaint.split('\n').find((line) => /^(?:\w*Error\b|(?:bwrap|unshare|mount|sluice): )/.test(line.trim())) ??
    `it ended the process (${ending.code ?? ending.signal})`;
  return new SluiceError('config', `${configFile}: ${said.trim().slice(0, 300)}`);
}
