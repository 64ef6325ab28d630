import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

let registered = false;

/**
 * Lets a configuration import 'sluice' where it is not installed (a commit in a fresh checkout, `npx sluice`): it gets the copy that runs now.
 * An installed copy wins. And reads a configuration with import or export, and what it imports of the project, as modules, whatever type the package declares: `npm init` declares CommonJS.
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
      if (found.format === 'module' || found.format === 'module-typescript') return found;
      const format = moduleFormat(found.url);
      return format === undefined ? found : { ...found, format };
    },
  });
}

/** How a file of the project with the syntax of a module is read; undefined for any other file. */
function moduleFormat(url: string): 'module' | 'module-typescript' | undefined {
  const name = /\.(?<extension>ts|js)(?:\?.*)?$/.exec(url)?.groups?.['extension'];
  if (name === undefined || !url.startsWith('file:') || url.includes('/node_modules/')) return undefined;
  try {
    if (!/^\s*(?:import|export)\b/m.test(readFileSync(fileURLToPath(url), 'utf8'))) return undefined;
  } catch {
    return undefined;
  }
  return name === 'ts' ? 'module-typescript' : 'module';
}
