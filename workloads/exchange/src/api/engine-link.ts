import { connect, type Socket } from 'node:net';
import { asLine, formatAddress, LineReader, PROTOCOL, type Address, type Answer, type Command, type Request } from '../wire/index.ts';

/** The engine did not answer within the deadline; whether it took the command is not known. */
export class EngineUnreachable extends Error {
  override readonly name = 'EngineUnreachable';
}

type Waiting = { readonly line: string; readonly resolve: (answer: Answer) => void; readonly timer: NodeJS.Timeout };

const FIRST_RETRY_MS = 10; // a restarted engine is back within a few of these
const LAST_RETRY_MS = 200;
const GREETING_MS = 500; // an engine greets at once; a stopped one, or a stranger, holds the connection and says nothing

/**
 * One pipelined connection to the engine. When it breaks, the link connects again and sends every unanswered command again, in its
 * old order: the engine executes a command it has seen no second time, so this loses nothing and doubles nothing.
 */
export class EngineLink {
  readonly #address: Address;
  readonly #deadlineMs: number;
  readonly #waiting = new Map<number, Waiting>();
  #socket: Socket | undefined;
  #greeted = false;
  #lostAt: number | undefined;
  #retryMs = FIRST_RETRY_MS;
  #retry: NodeJS.Timeout | undefined;
  #next = 1;
  #closed = false;

  constructor(address: Address, deadlineMs: number) {
    this.#address = address;
    this.#deadlineMs = deadlineMs;
    this.#connect();
  }

  /** Commands sent and not yet answered. */
  get pending(): number {
    return this.#waiting.size;
  }

  /** `lost` once the engine was away for the deadline: until then a restart goes unnoticed. */
  get state(): 'starting' | 'up' | 'lost' {
    if (this.#greeted) return 'up';
    if (this.#lostAt === undefined) return 'starting';
    return performance.now() - this.#lostAt < this.#deadlineMs ? 'up' : 'lost';
  }

  /** Resolves with the engine's answer, or rejects with EngineUnreachable after the deadline. */
  async ask(command: Command): Promise<Answer> {
    const n = this.#next++;
    const line = asLine({ n, command } satisfies Request);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(n);
        reject(new EngineUnreachable(`the engine at ${formatAddress(this.#address)} did not answer within ${this.#deadlineMs} ms`));
      }, this.#deadlineMs);
      this.#waiting.set(n, { line, resolve, timer });
      if (this.#greeted) this.#socket?.write(line);
    });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#socket?.destroy();
  }

  #connect(): void {
    const socket = connect({ ...this.#address, noDelay: true });
    const lines = new LineReader();
    const ungreeted = setTimeout(() => socket.destroy(), GREETING_MS);
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('connect', () => {
      // While nobody listens on a port of the ephemeral range, TCP can connect it to itself, and the engine could never bind it again.
      if (socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress) socket.destroy();
    });
    socket.on('data', (chunk: string) => {
      try {
        clearTimeout(ungreeted);
        for (const line of lines.read(chunk)) this.#read(JSON.parse(line) as Record<string, unknown>);
      } catch {
        socket.destroy(); // not an engine, or not of our protocol: the deadline will say so
      }
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      clearTimeout(ungreeted);
      this.#lost();
    });
  }

  #read(message: Record<string, unknown>): void {
    if (!this.#greeted) {
      if (message['hello'] !== 'exchange-engine' || message['protocol'] !== PROTOCOL) throw new Error('not an engine of this protocol');
      this.#greeted = true;
      this.#lostAt = undefined;
      this.#retryMs = FIRST_RETRY_MS;
      for (const { line } of this.#waiting.values()) this.#socket?.write(line);
      return;
    }
    const n = message['n'] as number;
    const waiting = this.#waiting.get(n); // absent when its deadline has passed
    if (waiting === undefined) return;
    this.#waiting.delete(n);
    clearTimeout(waiting.timer);
    waiting.resolve(message['answer'] as Answer);
  }

  #lost(): void {
    if (this.#greeted) this.#lostAt = performance.now();
    this.#greeted = false;
    if (this.#closed) return;
    this.#retry = setTimeout(() => this.#connect(), this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
  }
}
