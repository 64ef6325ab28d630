import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isDelivery } from '#define';
import { err, ok, SluiceError, type Result } from '#kernel';
import { configFailure } from './config-failure.ts';
import { guardedImport } from './guarded-import.ts';
import { configIn, type ConfigPlace } from './config-place.ts';
import { resolveConfigs } from './module-resolution.ts';

/** A configuration that was read. What it defines is not yet checked: `plan` does that, and trusts nothing in it. */
export type LoadedConfig = ConfigPlace & { readonly delivery: unknown };

/** Reads the configuration of a folder in this process, with everything that this process can do. For one's own working tree. */
export const loadConfig = async (folder: string): Promise<Result<LoadedConfig, SluiceError>> => readConfig(folder, guardedImport);

/** Reads it by this way of importing a module. */
export async function readConfig(folder: string, load: (url: string) => Promise<unknown>): Promise<Result<LoadedConfig, SluiceError>> {
  const place = configIn(folder);
  if (!place.ok) return place;
  resolveConfigs();
  let exported: unknown;
  try {
    const module = await load(pathToFileURL(join(place.value.folder, place.value.configFile)).href);
    exported = (module as { readonly default?: unknown }).default;
  } catch (error) {
    return err(configFailure(error, place.value));
  }
  return isDelivery(exported) ? ok({ ...place.value, delivery: exported }) : err(noDelivery(exported, place.value));
}

function noDelivery(exported: unknown, { configFile }: ConfigPlace): SluiceError {
  const hint = 'write: export default defineDelivery({ … })';
  if (exported === undefined) return new SluiceError('config', `${configFile}: no default export`, { hint });
  if (exported instanceof Promise)
    return new SluiceError('config', `${configFile}: the default export is a promise`, { hint: `${hint}, awaited` });
  return new SluiceError('config', `${configFile}: the default export was not made by defineDelivery`, { hint });
}
