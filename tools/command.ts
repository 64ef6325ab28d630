import { spawn } from 'node:child_process';

/** How a command ended, with all it printed. */
export type Ended = { readonly code: number; readonly output: string; readonly seconds: number };

/** Runs a program with its arguments, never through a shell, and collects what it prints. */
export function capture(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly live?: boolean },
): Promise<Ended> {
  const started = performance.now();
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const child = spawn(program, args, { cwd: options.cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    const keep = (chunk: Buffer): void => {
      chunks.push(chunk);
      if (options.live === true) process.stdout.write(chunk);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const end = (code: number): void =>
      resolve({ code, output: Buffer.concat(chunks).toString('utf8'), seconds: (performance.now() - started) / 1_000 });
    child.on('error', (error) => {
      chunks.push(Buffer.from(`${program}: ${error.message}\n`));
      end(127);
    });
    child.on('close', (code) => end(code ?? 1));
  });
}
