/** Checks the types where TypeScript is installed; elsewhere, that every source is TypeScript that Node can run. */
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { findPackageJSON, stripTypeScriptTypes } from 'node:module';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..');

function findCompiler(): string | undefined {
  try {
    const manifest = findPackageJSON('typescript', import.meta.url);
    return manifest === undefined ? undefined : join(dirname(manifest), 'bin', 'tsc');
  } catch {
    return undefined; // not installed
  }
}

function strip(): number {
  const files = globSync('{src,test,bench,scripts}/**/*.ts', { cwd: root });
  for (const file of files) stripTypeScriptTypes(readFileSync(join(root, file), 'utf8')); // throws at the first syntax error
  console.log(`compile: ${files.length} files parsed; install typescript to check their types as well`);
  return files.length === 0 ? 1 : 0;
}

const compiler = findCompiler();
process.exitCode =
  compiler === undefined ? strip() : (spawnSync(process.execPath, [compiler, '-p', root], { stdio: 'inherit' }).status ?? 1);
