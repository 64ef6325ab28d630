import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Lays out the package as npm would install it, compiled anew: a `dist` that lies about may be older than the source. */
export function packInto(folder: string): string {
  const root = join(import.meta.dirname, '..', '..');
  const source = join(root, 'packages', 'sluice');
  mkdirSync(folder);
  for (const part of ['bin', 'sql', 'package.json']) cpSync(join(source, part), join(folder, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  const { stdout } = spawnSync(tsc, ['-p', join(source, 'tsconfig.build.json'), '--outDir', join(folder, 'dist')], {
    encoding: 'utf8',
  });
  // Mistakes in types are `npm run check`'s to find: the JavaScript is the same with them.
  if (!existsSync(join(folder, 'dist', 'main.js'))) throw new Error(`tsc: ${stdout}`);
  return folder;
}
