#!/usr/bin/env node
// Plain JavaScript that any Node understands, so that an old one gets a sentence and not a syntax error.
import { existsSync } from 'node:fs';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 12)) {
  process.stderr.write(
    `✖ sluice needs Node 24.12 or newer; this is ${process.versions.node} → install a newer Node, or put one first in PATH\n`,
  );
  process.exitCode = 2;
} else if (existsSync(new URL('../dist/main.js', import.meta.url))) {
  const { enableCompileCache } = await import('node:module');
  enableCompileCache();
  if (process.argv[2] === 'run') {
    // The nursery of the heap stays as small as it begins: measured, a sixth less memory, whose tables every job's fork copies, and no run slower for it.
    const { setFlagsFromString } = await import('node:v8');
    setFlagsFromString('--semi-space-growth-factor=1');
  }
  await import('../dist/main.js');
} else {
  // A checkout that was not built runs its source, which needs a flag that only a new process can be given.
  const { spawn } = await import('node:child_process');
  const { fileURLToPath } = await import('node:url');
  const child = spawn(
    process.execPath,
    ['--conditions=@sluice/source', fileURLToPath(new URL('../src/main.ts', import.meta.url)), ...process.argv.slice(2)],
    {
      stdio: 'inherit',
    },
  );
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  process.on('SIGINT', () => undefined); // The terminal sends it to the child as well, which decides.
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 143);
  });
}
