/**
 * `npm run build`: what is published, from plain `tsc`, into `packages/sluice`; then two checks that a consumer can import it.
 * `npm pack -w sluice` afterwards makes the tarball. `--into <folder>` makes the package there and leaves the checkout as it is.
 */
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { capture } from './command.ts';

const root = join(import.meta.dirname, '..');
const source = join(root, 'packages/sluice');
const { values } = parseArgs({ options: { into: { type: 'string' } } });
const published = values.into === undefined ? source : resolve(values.into);

if (published !== source) {
  mkdirSync(published, { recursive: true });
  for (const part of ['package.json', 'bin', 'sql']) cpSync(join(source, part), join(published, part), { recursive: true });
}

// The licence travels with the package, and so does the exchange that `sluice demo` delivers: what is tracked of it, and nothing that lies beside.
cpSync(join(root, 'LICENSE'), join(published, 'LICENSE'));
const exchange = 'workloads/exchange';
const tracked = await capture('git', ['ls-files', '-z', '--', exchange], { cwd: root });
const files = tracked.output.split('\0').filter((file) => file !== '' && existsSync(join(root, file)));
if (tracked.code !== 0 || files.length === 0) {
  console.log(`✖ the files of ${exchange} cannot be listed: is git installed, and is this a checkout? ${tracked.output.trim()}`);
  process.exit(1);
}
rmSync(join(published, 'exchange'), { recursive: true, force: true });
for (const file of files) cpSync(join(root, file), join(published, 'exchange', relative(exchange, file)));

rmSync(join(published, 'dist'), { recursive: true, force: true });
const steps = [
  { name: 'compile', program: 'tsc', args: ['-p', join(source, 'tsconfig.build.json'), '--outDir', join(published, 'dist')] },
  { name: 'publint', program: 'publint', args: ['--strict'] },
  { name: 'types as consumers see them', program: 'attw', args: ['--pack', '.', '--profile', 'esm-only'] },
] as const;
for (const { name, program, args } of steps) {
  const { code, output, seconds } = await capture(program, args, { cwd: published });
  console.log(`${code === 0 ? '✔' : '✖'} ${name.padEnd(28)} ${seconds.toFixed(1)}s`);
  if (code !== 0) {
    console.log(output.trimEnd().replaceAll(/^/gm, '  '));
    process.exit(1);
  }
}
