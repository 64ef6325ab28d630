import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { createInterface } from 'node:readline';

type Environment = Readonly<Record<string, string>>;
type Options = {
  readonly args?: readonly string[];
  /** The largest file it may write, in blocks of 512 bytes: a disk that is full. */
  readonly fileBlocks?: number;
};
export type Exit = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

const source = (part: string): string => join(import.meta.dirname, '..', 'src', part, 'main.ts');

/** A folder of its own for one test. */
export function scratch(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'exchange-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** A test that failed half way must not leave processes behind, which would also keep its report from being written. */
const alive = new Set<ChildProcess>();
after(() => {
  for (const child of alive) child.kill('SIGKILL');
});

/** One real process of the exchange; it does not outlive its test. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly exited: Promise<Exit>;
  #changed = Promise.withResolvers<void>();
  stderr = '';

  constructor(part: string, environment: Environment, { args = [], fileBlocks }: Options = {}) {
    const limit = fileBlocks === undefined ? '' : `ulimit -f ${fileBlocks}; `;
    const words = ['-c', `${limit}exec "$0" "$@"`, process.execPath, source(part), ...args];
    this.#child = spawn('/bin/sh', words, { env: { ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
    alive.add(this.#child);
    this.#child.once('exit', () => alive.delete(this.#child));
    const { stdout, stderr } = this.#child;
    assert.ok(stdout !== null && stderr !== null);
    stderr.setEncoding('utf8').on('data', (chunk: string) => void (this.stderr += chunk));
    createInterface({ input: stdout }).on('line', (line) => {
      this.#lines.push(line);
      this.#notify();
    });
    this.exited = once(this.#child, 'close').then(([code, signal]) => {
      this.#notify();
      return { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
  }

  /** The nth line of its output; fails when the program ends before. */
  async line(nth: number): Promise<Readonly<Record<string, unknown>>> {
    let over = false;
    const end = this.exited.then(() => void (over = true));
    for (;;) {
      const line = this.#lines.at(nth < 0 ? this.#lines.length + nth : nth);
      if (line !== undefined && (nth >= 0 || over)) return JSON.parse(line) as Record<string, unknown>;
      assert.ok(!over, `ended without line ${nth}: ${this.stderr}`);
      await Promise.race([this.#changed.promise, end]);
    }
  }

  /** Where it listens, once it does. */
  async port(): Promise<number> {
    return Number(
      String((await this.line(0))['listening'])
        .split(':')
        .at(-1),
    );
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Asks it to stop, and gives its last words. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.kill(signal);
    return this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL');
  }

  #notify(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

/** An engine at a port that it gets again after a restart: below the range from which other programs are given theirs. */
export async function startEngine(
  journal: string,
  environment: Environment = {},
  options: Options = {},
): Promise<{ readonly engine: Program; readonly port: string }> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const port = String(20_000 + Math.floor(Math.random() * 12_000));
    const engine = new Program('engine', { PORT: port, JOURNAL_DIR: journal, ...environment }, options);
    const first = await Promise.race([engine.line(0), engine.exited]);
    if ('listening' in first) return { engine, port };
    assert.match(engine.stderr, /EADDRINUSE/);
  }
  throw new Error('no free port found');
}

/** An api before the engine at this port, ready for traffic. */
export async function startApi(
  enginePort: string,
  environment: Environment = {},
): Promise<{ readonly api: Program; readonly client: Client }> {
  const api = new Program('api', {
    PORT: '0',
    ENGINE_ADDRESS: `127.0.0.1:${enginePort}`,
    ENGINE_DEADLINE_MS: '60000', // a slow machine is no failure of the exchange, and a fast one no breach of the rate
    MAX_ORDERS_PER_SECOND: '1000000',
    SLUICE_VERSION: '1.0.0',
    ...environment,
  });
  const client = new Client(await api.port());
  while ((await client.send('GET', '/health')).status !== 200) await new Promise(setImmediate);
  return { api, client };
}

export type Answered = { readonly status: number; readonly body: Readonly<Record<string, unknown>> };

/** Sends one request at a time per connection, keeps connections open, and never repeats a request. */
export class Client {
  readonly #agent = new Agent({ keepAlive: true });
  readonly url: string;
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  async send(method: string, path: string, body?: object): Promise<Answered> {
    return new Promise((resolve, reject) => {
      const sending = request({ host: '127.0.0.1', port: this.#port, method, path, agent: this.#agent }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => void (text += chunk));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Answered['body'] }));
      });
      sending.on('error', reject);
      sending.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  async place(clientOrderId: string, more: object = {}): Promise<Answered> {
    return this.send('POST', '/orders', { clientOrderId, account: 'house', side: 'buy', type: 'limit', ticks: 10_000, lots: 10, ...more });
  }

  close(): void {
    this.#agent.destroy();
  }
}
