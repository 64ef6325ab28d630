import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

let registered = false;

/**
 * Lets a configuration import 'sluice' where it is not installed (a commit in a fresh checkout, `npx sluice`): it gets the copy that runs now.
 * An installed copy wins. And spares the user a warning about packages without a "type": a configuration with import or export is a module.
 */
export function resolveConfigs(): void {
  if (registered) return;
  registered = true;
  const own = import.meta.resolve('#define');
  registerHooks({
    resolve: (specifier, context, next) => {
      if (specifier === 'sluice') {
        try {
          return next(specifier, context);
        } catch {
          return { url: own, shortCircuit: true };
        }
      }
      const found = next(specifier, context);
      const format = moduleFormat(found.url);
      return found.format === undefined || found.format === null ? { ...found, ...(format === undefined ? {} : { format }) } : found;
    },
  });
}

/** How Node would read it after trying CommonJS first. */
function moduleFormat(url: string): 'module' | 'module-typescript' | undefined {
  const name = /\/sluice\.config\.(?<extension>ts|js)(?:\?.*)?$/.exec(url)?.groups?.['extension'];
  if (name === undefined || !url.startsWith('file:')) return undefined;
  try {
    if (!/^\s*(?:import|export)\b/m.test(readFileSync(fileURLToPath(url), 'utf8'))) return undefined;
  } catch {
    return undefined;
  }
  return name === 'ts' ? 'module-typescript' : 'module';
}
