import { spawn, spawnSync, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const packageFolder = dirname(import.meta.dirname);

/** The words that run `sluice` from source. */
export const sluiceWords: readonly string[] = [process.execPath, '--conditions=@sluice/source', join(packageFolder, 'src', 'main.ts')];

/** How a process ended, and what it wrote. */
export type Ended = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
};

/** A project of somebody else: its definition and whatever files come with it. Gone with the test. */
export class StrangersProject implements Disposable {
  readonly path = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-stranger-')));

  /** `jobs`: the text of the jobs, as in a definition. */
  constructor(jobs: string) {
    mkdirSync(join(this.path, 'node_modules'));
    symlinkSync(packageFolder, join(this.path, 'node_modules', 'sluice'));
    this.write('package.json', '{"type":"module","private":true}\n');
    this.write('.gitignore', 'node_modules/\n');
    this.write(
      'sluice.config.ts',
      `import { command, defineDelivery, exitCode, grant, job, junit, lcov, logLine, minutes, port, postgres, seconds, steps, succeeds } from 'sluice';\nexport default defineDelivery({ name: 'x', jobs: {${jobs}}${jobs.includes("secrets: ['TOKEN']") ? ", secrets: { TOKEN: grant({ jobs: ['x'] }) }" : ''} });\n`,
    );
  }

  write(path: string, content: string): void {
    mkdirSync(dirname(join(this.path, path)), { recursive: true, mode: 0o700 });
    writeFileSync(join(this.path, path), content);
  }

  /** Commits everything, ignored or not. */
  commit(...paths: readonly string[]): void {
    const who = ['-c', 'user.name=stranger', '-c', 'user.email=stranger@example.org'];
    for (const words of [
      ['init', '-q'],
      ['add', '--all'],
      ['add', '--force', ...paths],
      [...who, 'commit', '-q', '-m', 'stranger'],
    ]) {
      const { status, stderr } = spawnSync('git', words, { cwd: this.path, encoding: 'utf8' });
      if (status !== 0) throw new Error(`git ${words.join(' ')}: ${stderr}`);
    }
  }

  start(args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const [program = '', ...words] = sluiceWords;
    return spawn(program, [...words, ...args], { cwd: this.path, env: this.env, stdio: 'pipe', ...options });
  }

  async sluice(...args: readonly string[]): Promise<Ended> {
    return ended(this.start(args));
  }

  get env(): Record<string, string> {
    return { PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`, HOME: this.path };
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Waits for the end of a process, with all that it writes. */
export async function ended(child: ChildProcess): Promise<Ended> {
  let [out, err] = ['', ''];
  child.stdout?.on('data', (bytes: Buffer) => (out += bytes.toString()));
  child.stderr?.on('data', (bytes: Buffer) => (err += bytes.toString()));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, out, err };
}

/** A process that nobody of ours started. */
export async function stranger(): Promise<ChildProcess & { readonly pid: number }> {
  const child = spawn('sleep', ['1000'], { detached: true, stdio: 'ignore', env: {}, cwd: '/' });
  await once(child, 'spawn');
  if (child.pid === undefined) throw new Error('no process');
  return Object.assign(child, { pid: child.pid });
}
