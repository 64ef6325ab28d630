import { spawn } from 'node:child_process';
import { chown } from 'node:fs/promises';
import { err, ok, SluiceError, type Result } from '#kernel';

/** How to start a program that refuses to run as root. */
export type Unprivileged = {
  /** Words to put before the command. */
  readonly prefix: readonly string[];
  /** The user to become, where no name space hides root. */
  readonly user?: { readonly uid: number; readonly gid: number };
};

const nobody = { uid: 65_534, gid: 65_534 };

/**
 * PostgreSQL refuses to run as root. In a user namespace root is shown as an ordinary user, who still owns and reaches every file of root,
 * also below a folder that only root may enter; becoming another user is the fallback, and needs paths that user can enter.
 */
export async function unprivileged(probe: string, env: Readonly<Record<string, string>>): Promise<Result<Unprivileged, SluiceError>> {
  if (process.getuid?.() !== 0) return ok({ prefix: [] });
  const prefix = ['unshare', '--user', '--map-user=1000', '--map-group=1000', '--'];
  if (await succeeds([...prefix, probe, '--version'], env, undefined)) return ok({ prefix });
  if (await succeeds([probe, '--version'], env, nobody)) return ok({ prefix: [], user: nobody });
  return err(
    new SluiceError(
      'unavailable',
      'PostgreSQL refuses to run as root, and neither a user namespace nor the user "nobody" can run it here',
      {
        hint: 'run as an ordinary user, or use a database of your own (DATABASE_URL)',
      },
    ),
  );
}

/** Gives a folder to the user PostgreSQL will run as. */
export async function handOver(folder: string, as: Unprivileged): Promise<void> {
  if (as.user !== undefined) await chown(folder, as.user.uid, as.user.gid);
}

function succeeds(
  [command = '', ...args]: readonly string[],
  env: Readonly<Record<string, string>>,
  user: { readonly uid: number; readonly gid: number } | undefined,
): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, stdio: 'ignore', cwd: '/', ...user });
    child.once('error', () => resolve(false));
    child.once('exit', (code) => resolve(code === 0));
  });
}
