import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LocalCache } from '#cache-local';
import type { OpenRun, OpenRunOrder, RunMachine } from '#cli';
import { confinedProject, openRun, unresolvedEffects } from '#executor-process';
import { readRegularFile, systemClock } from '#host';
import { SluiceError, type Sandbox } from '#kernel';
import type { ReportReader } from '#pipeline';
import { secretPatterns, type SecretPatterns } from '#run';
import { keepOutcome } from './run-outcome.ts';

const execute = promisify(execFile);

/** What the parsers read at the most; a larger report was not kept. */
const largestReport = 64 * 1024 * 1024;

/** What runs on this machine need of it. */
export type RunMachineOptions = {
  /** The `PATH` of jobs. */
  readonly path: string;
  /** The home folder of who runs them, which a sandbox hides. */
  readonly home: string;
};

/** Runs pipelines as processes of this machine, with the cache of the project. */
export const localRunMachine = (options: RunMachineOptions): RunMachine => ({
  open: async (order) => open(order, options),
  commit,
  unresolvedEffects: async (folder) => unresolvedEffects(join(folder, '.sluice')),
  keepOutcome,
  // Reading a document checks it by a schema, and the schema library is worth a third of the start of a run.
  storedRun: async (folder, id) => (await import('./stored-run.ts')).storedRun(join(folder, '.sluice'), id),
});

async function open(order: OpenRunOrder, { path, home }: RunMachineOptions): Promise<OpenRun> {
  const sandbox = await sandboxOf(order.sandbox, { path, home });
  const run = await openRun({
    sandbox,
    ...(order.force === undefined ? {} : { force: order.force }),
    ...(order.state === undefined ? {} : { state: order.state }),
    project: order.folder,
    runId: order.runId,
    path,
    secrets: order.secrets,
    signal: order.signal,
    onEvent: (event) => {
      if (event.type === 'run.waiting') order.onWaiting(event.for);
      if (event.type === 'run.leftovers-ended') order.onLeftovers(event.runId, event.processes);
    },
  });
  const { shared: folder, reads } = typeof order.cache === 'object' ? order.cache : {};
  const shared = {
    ...(folder === undefined ? {} : { folder, index: join(run.folder.path, 'files.index') }),
    ...(reads === undefined ? {} : { reads }),
  };
  const cache =
    order.cache === 'ignore'
      ? undefined
      : new LocalCache({ project: run.project, path, clock: systemClock, ...shared, ...hiding(order.secrets) });
  return {
    isolation: sandbox.isolation,
    because: sandbox.because,
    ports: {
      clock: systemClock,
      executor: run.executor,
      services: run.services,
      folder: run.folder,
      effects: run.effects,
      reports: reportsIn(run.folder.path, [confinedProject, run.project]),
      ...(cache === undefined ? {} : { cache }),
    },
    [Symbol.asyncDispose]: async () => {
      await cache?.[Symbol.asyncDispose]();
      await run[Symbol.asyncDispose]();
    },
  };
}

async function sandboxOf(wanted: OpenRunOrder['sandbox'], options: RunMachineOptions): Promise<Sandbox> {
  // Its code and its trial cost a run that wants none nothing.
  const { noSandbox, openSandbox } = await import('#sandbox');
  if (wanted === 'none') return noSandbox('');
  const sandbox = await openSandbox(wanted === 'best' ? options : { ...options, only: wanted });
  if (wanted === 'best' || sandbox.isolation === wanted) return sandbox;
  throw new SluiceError('unavailable', `no sandbox of this kind works here: ${sandbox.because}`, {
    hint: 'sluice doctor tells what this machine allows; without --sandbox jobs run as any program',
  });
}

/** With secrets the cache stores nothing that holds one. */
const hiding = (secrets: Readonly<Record<string, string>>): { readonly secrets?: SecretPatterns } =>
  Object.keys(secrets).length === 0 ? {} : { secrets: secretPatterns(secrets) };

/** The reports that a run kept in its folder. */
function reportsIn(folder: string, roots: readonly string[]): ReportReader {
  return {
    roots,
    read: async (file) => {
      const kept = readRegularFile(join(folder, file), largestReport, 'refuse');
      return kept.ok ? { kind: 'bytes', bytes: kept.value } : { kind: 'unreadable', message: kept.error.message };
    },
  };
}

async function commit(folder: string): Promise<{ readonly sha: string; readonly subject: string } | undefined> {
  try {
    const { stdout } = await execute('git', ['log', '-1', '--no-show-signature', '--format=%H%x00%s', 'HEAD', '--'], {
      cwd: folder,
      timeout: 10_000,
    });
    const [sha, subject] = stdout.trimEnd().split('\0');
    return sha === undefined || subject === undefined ? undefined : { sha, subject };
  } catch {
    // No git, no repository, or no commit yet: a run works without.
    return undefined;
  }
}
