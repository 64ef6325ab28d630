import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '#host';
import { err, ok, SluiceError, type Result } from '#kernel';
import { findBinaries, type Binaries } from './binaries.ts';
import type { Layout } from './layout.ts';
import { handOver, unprivileged, type Unprivileged } from './unprivileged.ts';

/** A cluster on disk and how to run programs on it. */
export type Cluster = { readonly binaries: Binaries; readonly as: Unprivileged; readonly env: Readonly<Record<string, string>> };

export type ClusterOptions = {
  readonly layout: Layout;
  readonly sync: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal | undefined;
};

/** The name of the database's owner and superuser. */
export const owner = 'sluice';

/** Finds the binaries and a way to run them, and makes the cluster when there is none. */
export async function prepareCluster({ layout, sync, env, signal }: ClusterOptions): Promise<Result<Cluster, SluiceError>> {
  await mkdir(layout.folder, { recursive: true, mode: 0o700 });
  const binaries = await findBinaries(layout.folder);
  if (!binaries.ok) return binaries;
  const libraries = binaries.value.libraries === undefined ? {} : { LD_LIBRARY_PATH: binaries.value.libraries };
  const variables = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC', ...env, ...libraries };
  const as = await unprivileged(binaries.value.postgres, variables);
  if (!as.ok) return as;
  const cluster = { binaries: binaries.value, as: as.value, env: variables };
  await handOver(layout.folder, cluster.as);
  const made = await makeCluster(cluster, layout, { sync, signal });
  return made.ok ? ok(cluster) : made;
}

/**
 * Makes the cluster under another name and gives it its own in one step: a kill in between leaves no half-made cluster,
 * and of two that make it at once one wins.
 */
async function makeCluster(
  cluster: Cluster,
  layout: Layout,
  { sync, signal }: Pick<ClusterOptions, 'sync' | 'signal'>,
): Promise<Result<void, SluiceError>> {
  if (await exists(join(layout.pgdata, 'PG_VERSION'))) return ok(undefined);
  await writeFile(layout.password, `${randomBytes(18).toString('base64url')}\n`, { flag: 'wx', mode: 0o600 }).catch(unlessThere('EEXIST'));
  await handOver(layout.password, cluster.as);
  const draft = `${layout.pgdata}.${randomBytes(6).toString('hex')}`;
  const made = await finish(cluster, signal, [
    `--pgdata=${draft}`,
    `--username=${owner}`,
    `--pwfile=${layout.password}`,
    '--encoding=UTF8',
    '--locale=C',
    // Only the owner of the folder reaches the socket; a port is reached by everybody on this machine.
    '--auth-local=trust',
    '--auth-host=scram-sha-256',
    ...(sync ? [] : ['--no-sync']),
  ]);
  if (made.code !== 0) {
    await rm(draft, { recursive: true, force: true });
    return err(new SluiceError('unavailable', `PostgreSQL: initdb in ${layout.folder} failed: ${lastLine(made.output)}`));
  }
  await rename(draft, layout.pgdata).catch(async (error: NodeJS.ErrnoException) => {
    unlessThere('ENOTEMPTY', 'EEXIST')(error);
    await rm(draft, { recursive: true, force: true });
  });
  if (sync) await syncFolder(layout.folder);
  return ok(undefined);
}

/** The line that tells what went wrong. */
export function lastLine(text: string): string {
  const lines = text.trim().split('\n');
  return (lines.findLast((line) => /FATAL|PANIC|error:/.test(line)) ?? lines.at(-1) ?? '').trim();
}

type Finished = { readonly code: number | null; readonly output: string };

function finish({ as, binaries, env }: Cluster, signal: AbortSignal | undefined, initdbArgs: readonly string[]): Promise<Finished> {
  const [command = '', ...args] = [...as.prefix, binaries.initdb, ...initdbArgs];
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: '/', env, stdio: ['ignore', 'pipe', 'pipe'], ...as.user, ...(signal && { signal }) });
    let output = '';
    const collect = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-10_000);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.once('error', (error) => resolve({ code: null, output: error.message }));
    child.once('close', (code) => resolve({ code, output }));
  });
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

const unlessThere =
  (...codes: readonly string[]) =>
  (error: NodeJS.ErrnoException): void => {
    if (!codes.includes(error.code ?? '')) throw error;
  };
