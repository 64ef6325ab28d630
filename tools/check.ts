/**
 * `npm run check`: types, lint, format, architecture and dead code, side by side, in seconds.
 * `--fix` formats and applies safe lint fixes instead.
 */
import { join } from 'node:path';
import { capture } from './command.ts';

const root = join(import.meta.dirname, '..');

type Check = { readonly name: string; readonly program: string; readonly args: readonly string[]; readonly expects?: RegExp };

const checks: readonly Check[] = [
  { name: 'types: sluice', program: 'tsc', args: ['--noEmit', '-p', 'packages/sluice'] },
  { name: 'types: exchange', program: 'tsc', args: ['--noEmit', '-p', 'workloads/exchange'] },
  { name: 'types: tools', program: 'tsc', args: ['--noEmit', '-p', 'tools'] },
  // A linter that read no file says so in the same calm voice: the count must be there.
  {
    name: 'lint',
    program: 'oxlint',
    args: ['--type-aware', '--deny-warnings', 'packages', 'workloads', 'tools'],
    expects: /on [1-9]\d{1,} files/,
  },
  { name: 'format', program: 'oxfmt', args: ['--check', 'packages', 'workloads', 'tools'], expects: /[1-9]\d{1,} files/ },
  { name: 'architecture', program: process.execPath, args: ['--test', 'tools/arch/layers.test.ts'], expects: /pass [1-9]/ },
  { name: 'dead code', program: 'knip', args: ['--no-progress'] },
];

if (process.argv.includes('--fix')) {
  for (const [program, ...args] of [
    ['oxfmt', 'packages', 'workloads', 'tools'],
    ['oxlint', '--fix', '--type-aware', 'packages', 'workloads', 'tools'],
  ] as const) {
    const { code, output } = await capture(program, args, { cwd: root });
    process.stdout.write(output);
    if (code !== 0) process.exitCode = 1;
  }
} else {
  const started = performance.now();
  let failed = 0;
  await Promise.all(
    checks.map(async (check) => {
      const { code, output, seconds } = await capture(check.program, check.args, { cwd: root });
      const blind = code === 0 && check.expects !== undefined && !check.expects.test(output);
      const fine = code === 0 && !blind;
      if (!fine) failed += 1;
      console.log(`${fine ? '✔' : '✖'} ${check.name.padEnd(16)} ${seconds.toFixed(1)}s`);
      if (blind) console.log(`  nothing shows that it looked at anything: ${String(check.expects)} is not in its output`);
      if (!fine) console.log(output.trimEnd().replaceAll(/^/gm, '  '));
    }),
  );
  const total = ((performance.now() - started) / 1_000).toFixed(1);
  console.log(failed === 0 ? `✔ ${checks.length} checks in ${total}s` : `✖ ${failed} of ${checks.length} checks failed in ${total}s`);
  process.exitCode = failed === 0 ? 0 : 1;
}
