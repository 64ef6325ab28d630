import { statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { err, ok, SluiceError, type Result } from '#kernel';

/** Where a configuration may be, best first. */
const fileNames = ['sluice.config.ts', 'sluice.config.mts', 'sluice.config.js', 'sluice.config.mjs'] as const;

/** A configuration that was found: its folder, and its file name for messages. */
export type ConfigPlace = { readonly folder: string; readonly configFile: string };

/** The configuration of a folder. */
export function configIn(folder: string): Result<ConfigPlace, SluiceError> {
  const absolute = resolve(folder);
  const [configFile, second] = fileNames.filter((name) => isFile(join(absolute, name)));
  if (configFile === undefined) {
    return err(new SluiceError('config', `no sluice.config.ts in ${absolute}`, { hint: 'write one with: sluice init' }));
  }
  if (second !== undefined) {
    return err(new SluiceError('config', `${absolute} holds ${configFile} and ${second}`, { hint: 'keep one of them' }));
  }
  return ok({ folder: absolute, configFile });
}

/** The configuration of a folder, or of the nearest one above it that has any. */
export function nearestConfig(folder: string): Result<ConfigPlace, SluiceError> {
  const start = resolve(folder);
  for (let at = start; ; at = dirname(at)) {
    if (fileNames.some((name) => isFile(join(at, name)))) return configIn(at);
    if (dirname(at) === at) {
      return err(
        new SluiceError('config', `no sluice.config.ts in ${start}, nor in a folder above it`, { hint: 'write one with: sluice init' }),
      );
    }
  }
}

function isFile(path: string): boolean {
  // A file that may not be looked at counts as there: reading it will say why it cannot be read.
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES';
  }
}
